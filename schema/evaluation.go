package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"tenantry.dev/reconciler/resource"
)

// An evaluation renders one owner and explains what stands against it.
type evaluation struct {
	*engine
	answer   *answer
	template *template
	cell     *cellDef
	plan     *planDef // nil for a cell
	text     *source  // of the plan or the cell
	own      map[string]resource.Origin
	adopt    map[string]string
	data     cue.Value // the tenant's
}

// render fills the template. For an owner that is broken already it only looks for more mistakes.
func (o *evaluation) render(data cue.Value) {
	o.data = data
	v := o.fill(o.template.value)
	concrete := cue.Concrete(o.answer.broken == "")
	resources := v.LookupPath(pathResources)
	if err := resources.Validate(concrete); err != nil {
		o.explain(err)
	}
	if o.any(func(r ruling) bool { return !r.lifted && (r.onTenant || r.onCell) }) {
		if err := v.LookupPath(pathChecks).Validate(concrete); err != nil {
			o.explainChecks(err)
		}
	}
	if o.answer.broken != "" {
		return
	}
	text, err := resources.MarshalJSON()
	if err != nil {
		o.answer.refuse(o.here(), "%v", err)
		return
	}
	rendered, err := readJSON(text)
	if err != nil {
		o.answer.refuse(o.here(), "%v", err)
		return
	}
	o.advise(v, rendered)
	o.take(rendered)
}

func (o *evaluation) any(is func(ruling) bool) bool {
	return slices.ContainsFunc(o.template.rules, is)
}

func (o *evaluation) fill(v cue.Value) cue.Value {
	if o.plan == nil {
		return v
	}
	return v.FillPath(pathOf, o.data)
}

// here is the owner's own line.
func (o *evaluation) here() resource.Origin {
	if o.plan == nil {
		return o.cell.Origin
	}
	return o.answer.source.at(o.answer.label)
}

// explain says what is wrong with the resources: the tenant's or the plan's values if they don't fit
// without any policy, or else the policies that they break.
func (o *evaluation) explain(err error) {
	apart, buildErr := o.taken(o.template)
	if buildErr != nil {
		o.answer.refuse(o.here(), "%v", buildErr)
		return
	}
	plain := o.fill(apart).LookupPath(pathResources)
	concrete := cue.Concrete(o.answer.broken == "")
	if err := plain.Validate(concrete); err != nil {
		before := len(o.answer.found)
		for _, p := range problems(err, "resources") {
			if len(p.path) > 0 {
				o.explainProblem(p, plain)
			}
		}
		if len(o.answer.found) == before && o.answer.broken == "" {
			o.answer.refuse(o.here(), "%s", firstLine(err.Error()))
		}
		return
	}
	before := len(o.answer.found)
	o.explainRules()
	if len(o.answer.found) == before && o.answer.broken == "" {
		o.answer.refuse(o.here(), "%s", firstLine(err.Error()))
	}
}

// explainProblem puts one problem in words. The path begins with the resource's name.
func (o *evaluation) explainProblem(p problem, plain cue.Value) {
	name, path := p.path[0], p.path[1:]
	kind, _ := plain.LookupPath(cue.MakePath(cue.Str(name), cue.Str("kind"))).String()
	def := o.kind(kind)
	inner := problem{path: path, kind: p.kind, text: p.text, at: p.at}
	if n, label := o.override(p.path); n != nil {
		at := o.answer.source.at(label)
		o.answer.refuse(at, "overrides.%s.%s", name, o.overrideWords(inner, name, n, def))
		return
	}
	if o.answer.broken != "" {
		return // what follows from other mistakes helps nobody
	}
	value := ""
	if m := quoted.FindString(p.text); p.kind == wrong && m != "" {
		value = fmt.Sprintf("%s (%d characters)", m, len([]rune(m))-2)
	}
	if o.plan == nil {
		o.answer.refuse(o.line(p.path), "%s: %s", name, inner.words(def, value))
		return
	}
	message := fmt.Sprintf("resource %s: %s", name, inner.words(def, value))
	if p.kind == missing {
		message = fmt.Sprintf("overrides.%s.%s, which the plan leaves to the tenant", name, inner.words(def, ""))
	}
	if at := o.line(p.path); at.Line != 0 {
		message += fmt.Sprintf(" (%s)", at)
	}
	o.answer.refuse(o.here(), "%s", message)
}

// quoted is the value that the evaluator complains about.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// override finds the tenant's override that a path is about; the path may reach deeper or less
// deep than the override.
func (o *evaluation) override(path []string) (*node, ast.Node) {
	if o.plan == nil {
		return nil, nil
	}
	n, label := o.answer.body.get("overrides"), ast.Node(nil)
	for _, name := range path {
		next := n.get(name)
		if next == nil {
			break
		}
		label, n = n.label(name), next
		if n.kind != structNode {
			break
		}
	}
	if label == nil || n.kind == structNode && len(path) > 0 && o.answer.body.get("overrides").get(path[0]) == n {
		return nil, nil // the override says nothing of the attribute
	}
	return n, label
}

// overrideWords says why an override isn't possible and what the plan allows instead.
func (o *evaluation) overrideWords(p problem, name string, n *node, def cue.Value) string {
	field := strings.Join(p.path, ".")
	if p.kind == unknown || p.kind == missing {
		return p.words(def, "")
	}
	at := locate(o.text.syntax, append([]string{o.plan.Name, "resources", name}, p.path...))
	if at.depth < 3+len(p.path) { // the plan leaves it open, so it is the kind that objects
		return p.words(def, show(n))
	}
	line := o.text.at(at.label)
	if values := o.planChoices(name, p.path); len(values) > 1 {
		return fmt.Sprintf("%s: %s is not allowed by the plan %s (%s), choose %s", field, show(n), o.plan.Name, line, oneOf(values))
	}
	if i := slices.IndexFunc(o.plan.Options, func(x Option) bool { return x.Resource == name && x.Attribute == field }); i >= 0 {
		return fmt.Sprintf("%s: %s is not allowed by the plan %s (%s), choose %s", field, show(n), o.plan.Name, line, o.plan.Options[i].Words)
	}
	written := o.text.written(at.value)
	if _, literal := at.value.(*ast.BasicLit); literal {
		return fmt.Sprintf("%s: the plan %s fixes it at %s (%s), so a tenant can't choose %s", field, o.plan.Name, written, line, show(n))
	}
	return fmt.Sprintf("%s: %s is not allowed by the plan %s (%s), which says %s", field, show(n), o.plan.Name, line, written)
}

// planChoices are the values that the plan offers for an attribute.
func (o *evaluation) planChoices(name string, path []string) []string {
	v := o.unfilled(o.plan.Name)
	for _, key := range append([]string{"resources", name}, path...) {
		v = v.LookupPath(cue.MakePath(cue.Str(key).Optional()))
	}
	if !v.Exists() {
		return nil
	}
	return choices(v)
}

// line is where the plan or the cell writes a path below its resources, or as much of it as there is.
func (o *evaluation) line(path []string) resource.Origin {
	at := locate(o.text.syntax, append([]string{strings.TrimSuffix(o.text.name(), ".cue"), "resources"}, path...))
	if at.depth < 3 {
		return o.own[path[0]]
	}
	return o.text.at(at.label)
}

// origin is where a path below the resources comes from: the tenant's override or the template.
func (o *evaluation) origin(path []string) resource.Origin {
	if n, label := o.override(path); n != nil {
		return o.answer.source.at(label)
	}
	return o.line(path)
}
