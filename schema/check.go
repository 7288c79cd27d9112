package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"

	"tenantry.dev/reconciler/resource"
)

// checkTemplate evaluates a template that isn't filled in. What is wrong then is wrong for
// everybody, and the plan's or the cell's mistake. It returns the kinds of the resources by name, as
// far as they are known.
func (e *engine) checkTemplate(src *source, folder string, written map[string]resource.Origin) (*templateCheck, []Finding) {
	text := fmt.Sprintf("package engine\nimport (\n%q\n%q\n)\nwritten: (%[3]s[%[4]q] & {resources: _}).resources\nresources: {\nwritten\n[string]: {kind: string, schema.#Kinds[kind]}\n}\n",
		modulePath, e.def.module+"/"+folder, folder, src.name())
	v, err := e.packages.inline(e.ctx, "unfilled", text)
	if err != nil {
		return nil, fileErrors(src.path, errors.Errors(errors.Promote(err, "")))
	}
	raw := v.LookupPath(cue.MakePath(cue.Str("written")))
	c := &templateCheck{engine: e, src: src, raw: raw, kinds: map[string]string{}, offers: map[string][]string{}, said: map[string]bool{}}
	for _, name := range fieldNames(raw) {
		if _, ok := written[name]; !ok {
			written[name] = src.at(locate(src.syntax, []string{src.name(), "resources"}).label)
		}
	}
	for _, name := range sortedKeys(written) {
		c.resource(name, written[name])
	}
	c.references()
	if err := v.LookupPath(pathResources).Validate(); err != nil {
		c.problems(err)
	}
	return c, c.found
}

type templateCheck struct {
	*engine
	src    *source
	raw    cue.Value // the resources as they are written
	kinds  map[string]string
	offers map[string][]string
	open   []Option
	said   map[string]bool // the paths with references that lead nowhere
	found  []Finding
}

func (c *templateCheck) say(at resource.Origin, format string, args ...any) {
	c.found = append(c.found, Finding{Origin: at, Severity: Error, Message: fmt.Sprintf(format, args...)})
}

// resource checks a resource's name, kind and completeness. One that only some tenants have is
// checked when they are.
func (c *templateCheck) resource(name string, at resource.Origin) {
	if !isName.MatchString(name) || name == "cell" {
		c.say(at, "%q can't be a resource's name: names have lower-case letters, digits and hyphens, begin with a letter, and \"cell\" is taken", name)
		return
	}
	r := c.raw.LookupPath(cue.MakePath(cue.Str(name)))
	if !r.Exists() {
		c.kinds[name] = ""
		return
	}
	kind, err := r.LookupPath(cue.MakePath(cue.Str("kind"))).String()
	found := locate(c.src.syntax, []string{c.src.name(), "resources", name, "kind"})
	if lit, ok := found.value.(*ast.BasicLit); ok && found.depth == 4 {
		at, err = c.src.at(lit), nil // the evaluator has no value for a kind that doesn't exist
		kind = strings.Trim(lit.Value, `"`)
	}
	if err != nil {
		c.say(at, "%s: kind is missing: %s", name, quotedOneOf(sortedKeys(c.def.kinds)))
		return
	}
	if _, known := c.def.kinds[kind]; !known {
		c.say(at, "%s: %s", name, unknownKind(kind, sortedKeys(c.def.kinds)))
		return
	}
	c.kinds[name], c.offers[name] = kind, fieldNames(r)
	for _, attribute := range c.def.kinds[kind].named {
		c.offers[name+"."+attribute] = fieldNames(lookup(r, []string{attribute}))
	}
	c.options(name, kind, r)
	report := reporter{e: c.engine, src: c.src, root: []string{c.src.name(), "resources", name}, def: c.kind(kind)}
	for _, f := range append(report.absent(r, report.def, nil), report.strangers(r, nil)...) {
		f.Message = name + ": " + f.Message
		c.found = append(c.found, f)
	}
}

func quotedOneOf(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return oneOf(quoted)
}

// problems puts what the evaluator says of the resources in words: its paths begin with a resource's name.
func (c *templateCheck) problems(err error) {
	// A missing value may still come from a tenant; unknown names are said already.
	for _, p := range problems(err, "resources") {
		if len(p.path) == 0 {
			c.found = append(c.found, fileErrors(c.src.path, errors.Errors(err))...)
			return
		}
		name := p.path[0]
		kind, sound := c.kinds[name]
		if !sound {
			continue // said already
		}
		def := c.kind(kind)
		p.path = p.path[1:]
		p = p.climb(def)
		r := reporter{e: c.engine, src: c.src, root: []string{c.src.name(), "resources", name}}
		found := locate(c.src.syntax, slices.Concat(r.root, p.path))
		written := ""
		if found.depth == len(r.root)+len(p.path) && found.value != nil {
			written = c.src.written(found.value)
		}
		if p.kind != missing && p.kind != unknown && !c.said[strings.Join(append([]string{name}, p.path...), ".")] {
			c.say(r.place(p, found), "%s: %s", name, p.words(def, written))
		}
	}
}

// references checks the references that are written without a tenant's data in them. What they say
// of a cell depends on the cell.
func (c *templateCheck) references() {
	r := &referrer{owner: "tenant/any", kinds: c.def.kinds, own: c.kinds, anyCell: true}
	c.raw.Walk(func(v cue.Value) bool {
		text, err := v.String()
		if err != nil || !strings.Contains(text, "${") {
			return true
		}
		var path []string
		for _, s := range v.Path().Selectors() {
			if s.IsString() {
				path = append(path, s.Unquoted())
			} else {
				path = append(path, s.String())
			}
		}
		if len(path) > 2 && path[0] == "written" {
			r.resolve(text, path[1:])
		}
		return true
	}, nil)
	r.cycle()
	for _, bad := range r.errors {
		found := locate(c.src.syntax, append([]string{c.src.name(), "resources"}, bad.path...))
		c.said[strings.Join(bad.path, ".")] = true
		c.say(c.src.at(found.label), "%s: %s", strings.Join(bad.path, "."), bad.message)
	}
}

// facts are the inputs of templates and constraints, with what defines them.
var facts = map[string]string{
	"#tenant": "#Tenant", "#plan": "#PlanFacts", "#cell": "#CellFacts", "#account": "#AccountFacts", "#fleet": "#FleetFacts",
}

// checkInputs finds uses of an input's field that there isn't, as in #tenant.nmae. To the evaluator it
// could still come.
func (e *engine) checkInputs(src *source) []Finding {
	var found []Finding
	ast.Walk(src.syntax, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		input, isName := s.X.(*ast.Ident)
		if !isName || facts[input.Name] == "" {
			return true
		}
		field, _, err := ast.LabelName(s.Sel)
		if facts[input.Name] == "#Tenant" && field == "#id" {
			return true
		}
		if known := fieldNames(e.definition(facts[input.Name])); err == nil && !slices.Contains(known, field) {
			found = append(found, Finding{Origin: src.at(s.Sel), Severity: Error, Message: fmt.Sprintf("%s has no %q%s", input.Name, field, maybe(field, known))})
		}
		return true
	}, nil)
	return found
}

// kind is the definition of a kind.
func (e *engine) kind(name string) cue.Value {
	return e.definition("#Kinds").LookupPath(cue.MakePath(cue.Str(name)))
}

// checkSelection finds names that select nothing, because then the policy would silently guard nothing.
func (e *engine) checkSelection(src *source, p *policyDef) []Finding {
	var found []Finding
	check := func(field string, list, known []string, folder string) {
		for i, name := range list {
			if slices.Contains(known, name) || e.def.spoiled[folder+"/"+name] != "" {
				continue
			}
			at := locate(src.syntax, []string{src.name(), "select", field, strconv.Itoa(i)})
			found = append(found, Finding{Origin: src.at(at.label), Severity: Error, Message: fmt.Sprintf("select.%s: there is no %q%s", field, name, maybe(name, known))})
		}
	}
	check("plans", p.plans, sortedKeys(e.def.plans), plansDir)
	check("cells", p.cells, sortedKeys(e.def.cells), cellsDir)
	check("environments", p.environments, e.def.fleet.environments, "")
	check("residencies", p.residencies, sortedKeys(e.def.regions), "")
	for i, name := range p.tenants {
		at := locate(src.syntax, []string{src.name(), "select", "tenants", strconv.Itoa(i)})
		e.def.mentions = append(e.def.mentions, Mention{name, src.at(at.label), "select.tenants"})
	}
	if !p.onTenant && !p.onCell && !p.onResource && !p.onResources {
		found = append(found, Finding{Origin: p.Origin, Severity: Error, Message: "the policy demands nothing: give it tenant?, cell?, resource? or resources?"})
	}
	return found
}

// checkConstraint holds a policy against the kinds that it selects, to find names that don't exist
// and values that can't be.
func (e *engine) checkConstraint(src *source, p *policyDef, v cue.Value) []Finding {
	if !p.onResource {
		return nil
	}
	constraint := v.LookupPath(cue.MakePath(cue.Str("resource").Optional()))
	for _, kind := range p.kinds {
		r := reporter{e: e, src: src, root: []string{p.Name, "resource"}, def: e.kind(kind)}
		if found := r.strangers(constraint, nil); len(found) > 0 {
			return found
		}
		if err := constraint.Unify(r.def).Validate(); err != nil {
			return r.findings(err)
		}
	}
	return nil
}

// strangers finds fields that a constraint mentions and the definition doesn't have. A field that is only
// demanded, as in "encryption!:", is no mistake to the evaluator.
func (r reporter) strangers(v cue.Value, path []string) []Finding {
	var out []Finding
	for _, name := range fieldNames(v) {
		inner := slices.Concat(path, []string{name})
		def := lookup(r.def, inner)
		if !def.Exists() {
			p := problem{path: inner, kind: unknown}
			at := locate(r.src.syntax, slices.Concat(r.root, inner))
			out = append(out, Finding{Origin: r.src.at(at.label), Severity: Error, Message: p.words(r.def, "")})
			continue
		}
		field := lookup(v, []string{name})
		if field.IncompleteKind() == cue.StructKind {
			out = append(out, r.strangers(field, inner)...)
		}
		if r.lists && field.IncompleteKind() == cue.ListKind {
			elements, err := field.List()
			for i := 0; err == nil && elements.Next(); i++ {
				out = append(out, r.strangers(elements.Value(), append(slices.Clip(inner), itoa(i)))...)
			}
		}
	}
	return out
}

// written is a value as the file has it, on one line.
func (s *source) written(x ast.Expr) string {
	from, to := x.Pos().Offset(), x.End().Offset()
	if from < 0 || to > len(s.text) || from >= to {
		return ""
	}
	return shorten(strings.Join(strings.Fields(string(s.text[from:to])), " "))
}
