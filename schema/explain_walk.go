package schema

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"tenantry.dev/reconciler/resource"
)

// A point is a place in the schema: a value, and how one gets there.
type point struct {
	path  string   // as people write it
	root  string   // the chapter, kind or part
	kind  string   // the kind, if the root is one
	steps []string // from the root on: names, anyKey and anyElement
	v     cue.Value
	sel   cue.Selector // how the parent has it; zero at a root
}

// Steps through maps and lists.
const (
	anyKey     = "*"
	anyElement = "#"
)

func (p point) step(name, step string, v cue.Value) point {
	out := p
	if name != "" {
		out.path += "." + name
	}
	out.steps, out.v = append(slices.Clip(p.steps), step), v
	return out
}

// resolve follows a path from its root.
func (m *Manual) resolve(path string) (point, error) {
	at, rest, err := m.root(path)
	if err != nil {
		return at, err
	}
	for _, name := range rest {
		next, ok := m.enter(at, name)
		if !ok {
			return at, &UnknownPath{Path: path, Below: at.path, Name: name, Known: m.names(at)}
		}
		at = next
	}
	return at, nil
}

// root finds where a path begins, and splits what follows.
func (m *Manual) root(path string) (at point, rest []string, err error) {
	for _, kind := range slices.Backward(sortedKeys(m.defined)) {
		if after, is := strings.CutPrefix(path, kind); is && (after == "" || after[0] == '.') {
			return point{path: kind, root: kind, kind: kind, v: m.defined[kind]}, split(after), nil
		}
	}
	name, after, _ := strings.Cut(path, ".")
	definitions, kinds, parts := m.Chapters()
	known := slices.Concat(definitions, kinds, parts)
	for _, spelling := range []string{name, lowerFirst(strings.TrimPrefix(name, "#")), strings.TrimSuffix(strings.ToLower(name), "s")} {
		if !slices.Contains(kinds, spelling) && slices.Contains(known, spelling) {
			return point{path: spelling, root: spelling, v: m.definition(spelling)}, split(after), nil
		}
	}
	if strings.HasPrefix(path, "aws") {
		name, known = path, kinds
	}
	return at, nil, &UnknownPath{Path: path, Name: name, Known: known}
}

func split(path string) []string {
	if path = strings.Trim(path, "."); path == "" {
		return nil
	}
	return strings.Split(path, ".")
}

// enter goes to a field, through lists and maps.
func (m *Manual) enter(at point, name string) (point, bool) {
	if f, ok := m.field(at, name); ok {
		return f, true
	}
	switch element, step := elementAt(at.v); step {
	case anyElement:
		inner := at.step("", step, element)
		if _, err := strconv.Atoi(name); err == nil {
			return inner, true
		}
		return m.enter(inner, name)
	case anyKey:
		if f, ok := m.enter(at.step("", step, element), name); ok {
			return f, true
		}
		if at.v.Allows(cue.Str(name)) {
			return at.step("", step, element), true
		}
	}
	return at, false
}

// field finds a field that the schema names.
func (m *Manual) field(at point, name string) (point, bool) {
	for _, f := range m.fields(at) {
		if f.path == at.path+"."+name {
			return f, true
		}
	}
	return at, false
}

// fields are the fields that the schema names, in its order. What a definition fills in itself, such
// as a kind's #outputs, is not among them.
func (m *Manual) fields(at point) []point {
	if at.v.IncompleteKind()&cue.StructKind == 0 {
		return nil
	}
	var out []point
	all, err := at.v.Fields(cue.All())
	for err == nil && all.Next() {
		s := all.Selector()
		var name string
		switch {
		case s.LabelType() == cue.StringLabel:
			name = s.Unquoted()
		case s.LabelType() == cue.DefinitionLabel && s.ConstraintType() == cue.OptionalConstraint:
			name = strings.TrimSuffix(s.String(), "?")
		default:
			continue
		}
		f := at.step(name, name, all.Value())
		f.sel = s
		out = append(out, f)
	}
	return out
}

// names are what can follow a point in a path.
func (m *Manual) names(at point) []string {
	var out []string
	for _, f := range m.inside(at) {
		out = append(out, f.path[len(at.path)+1:])
	}
	return out
}

// inside are the fields of a point, or those of its elements.
func (m *Manual) inside(at point) []point {
	if list := m.fields(at); len(list) > 0 {
		return list
	}
	if element, step := elementAt(at.v); step != "" {
		return m.inside(at.step("", step, element))
	}
	return nil
}

// elementAt is what a list or a map has, if v is one and names no fields itself.
func elementAt(v cue.Value) (element cue.Value, step string) {
	switch v.IncompleteKind() {
	case cue.ListKind:
		if e := v.LookupPath(cue.MakePath(cue.AnyIndex)); e.Exists() {
			return e, anyElement
		}
	case cue.StructKind:
		all, err := v.Fields(cue.All(), cue.Patterns(true))
		for err == nil && all.Next() {
			if all.Selector().ConstraintType() == cue.PatternConstraint {
				element, step = all.Value(), anyKey
			} else {
				return cue.Value{}, ""
			}
		}
	}
	return element, step
}

// deepest bounds the levels of fields, which are finite anyway: chapters in chapters are only referred to.
const deepest = 12

// doc describes a point, and the fields in it to one level or to all.
func (m *Manual) doc(at point, levels int, deep bool) Doc {
	d := m.outlineOf(at)
	d.Takes, d.Choices = m.takes(at), plainChoices(at.v)
	d.Text, d.AWS = m.text(at)
	d.Example = m.example(at)
	m.settle(&d, at)
	if d.See == "" && deep && len(at.steps) < deepest || levels > 0 {
		for _, f := range m.inside(at) {
			d.Fields = append(d.Fields, m.doc(f, 0, deep))
		}
	}
	return d
}

// outline is a doc with nothing but the paths of all levels.
func (m *Manual) outline(at point) Doc {
	d := m.outlineOf(at)
	if d.See == "" && len(at.steps) < deepest {
		for _, f := range m.inside(at) {
			d.Fields = append(d.Fields, m.outline(f))
		}
	}
	return d
}

func (m *Manual) outlineOf(at point) Doc {
	d := Doc{Path: at.path}
	if len(at.steps) > 0 {
		d.See = m.elsewhere(at)
	}
	return d
}

// elsewhere is the chapter that a field's value is, such as "tenant" for a plan's #tenant.
func (m *Manual) elsewhere(at point) string {
	for v := at.v; ; {
		if _, path := v.ReferencePath(); len(path.Selectors()) == 1 {
			name := lowerFirst(strings.TrimPrefix(path.String(), "#"))
			if slices.Contains(chapters, name) || m.isLarge(name) {
				return name
			}
		}
		element, step := elementAt(v)
		if step == "" {
			return ""
		}
		v = element
	}
}

// isLarge tells whether a part is explained once, and not wherever it is used.
func (m *Manual) isLarge(name string) bool {
	const most = 3
	return slices.Contains(m.parts, name) && len(fieldNames(m.definition(name))) > most
}

// settle fills in what becomes of a field that nobody writes, and what its kind's driver does.
func (m *Manual) settle(d *Doc, at point) {
	d.Type = typeWords(at.v)
	d.Required = at.sel != cue.Selector{} && at.sel.ConstraintType() == cue.RequiredConstraint
	if !d.Required {
		d.Default, d.Constant = m.defaultOf(at)
	}
	if IsType(at.kind) && d.Default == "[]" {
		d.Default = "" // CUE has it of every list, but what nobody writes isn't set: AWS decides
	}
	if at.root == "tenant" && at.path == "tenant.name" {
		d.Required = false // it is the file's name
	}
	if at.kind == "" {
		return
	}
	kind := m.kinds[at.kind]
	if len(at.steps) == 0 {
		d.Kind = &KindDoc{Name: at.kind, Global: kind.Global, DataBearing: kind.DataBearing, Uses: kind.Uses, Outputs: kind.Outputs}
		_ = at.v.LookupPath(cue.ParsePath("#outputs")).Decode(&d.Kind.Outputs) // a test reads them all
		return
	}
	a, known := kind.Attribute(at.steps[0])
	if !known {
		return
	}
	plan := at.v.Attribute("plan")
	d.Attribute = &AttributeDoc{Name: a.Name, Immutable: a.Immutable || replaces(a, at.steps[1:]), Mentioned: a.Asked != nil, Set: a.Set, Secret: a.Secret, PlanOnly: plan.Err() == nil, Holds: kind.DataBearing}
	d.Derived = len(at.steps) == 1 && d.Default != "" && !d.Constant && m.derived(at)
	if len(at.steps) == 1 && d.Default == "" && !d.Required && a.Default.IsSet() {
		d.Default = oneLine(a.Default.Sealed())
	}
}

// replaces tells whether a change at a path inside an attribute replaces the resource.
func replaces(a resource.Attribute, path []string) bool {
	if a.Replaces == nil {
		return false
	}
	before, after := resource.String("before"), resource.String("after")
	for _, name := range slices.Backward(path) {
		before, after = resource.Object(map[string]resource.Value{name: before}), resource.Object(map[string]resource.Value{name: after})
	}
	return a.Replaces(before, after)
}
