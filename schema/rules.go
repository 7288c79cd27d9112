package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	cuejson "cuelang.org/go/encoding/json"

	"tenantry.dev/reconciler/resource"
)

// explainChecks says which policies on tenants and cells are broken, on the line of the tenant that
// decides it.
func (o *evaluation) explainChecks(err error) {
	var said []string
	for _, p := range problems(err, "checks") {
		if len(p.path) < 2 || slices.Contains(said, p.path[0]) {
			continue
		}
		rule := o.rule(p.path[0])
		if rule == nil {
			continue
		}
		said = append(said, rule.Name)
		field := "cell"
		if p.path[1] == "tenant" && len(p.path) > 2 {
			field = p.path[2]
		}
		at := o.here()
		if o.plan != nil {
			if n := o.answer.body.get(field); n != nil {
				at = o.answer.source.at(o.answer.body.label(field))
			}
		}
		o.answer.add(Finding{
			Origin: at, Severity: Severity(rule.Severity), Tenant: o.answer.tenantName(), Policy: rule.Name,
			Message: fmt.Sprintf("%s: %s (policy %s)", field, rule.message, rule.Name),
		})
	}
}

func (o *evaluation) rule(name string) *policyDef {
	i := slices.IndexFunc(o.template.rules, func(r ruling) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return o.template.rules[i].policyDef
}

// advise holds the rendered resources against the policies that don't deny. Those are never unified
// into the template, because they must not change what is rendered; and plain data is cheap to hold
// against a constraint, of which much is the same for many resources.
func (o *evaluation) advise(v cue.Value, rendered map[string]map[string]any) {
	for _, r := range o.template.rules {
		if r.denies() && !r.excepted() {
			continue
		}
		rule := v.LookupPath(cue.MakePath(cue.Str("rules"), cue.Str(r.Name)))
		if r.excepted() {
			o.excuse(r, v, rule, rendered)
		}
		if r.denies() || r.lifted {
			continue
		}
		if r.onResources {
			o.breaks(r.policyDef, o.plain(rendered).Unify(rule.LookupPath(pathResources)), nil)
		}
		if !r.onResource {
			continue
		}
		constraint, sound := rule.LookupPath(pathResource), map[resource.Value]bool{}
		for _, name := range sortedKeys(rendered) {
			kind, _ := rendered[name]["kind"].(string)
			if !r.selectsKind(kind) || r.spares(name) {
				continue
			}
			about := r.about(rendered[name])
			key, err := resource.Of(about)
			if err == nil && sound[key] {
				continue
			}
			sound[key] = !o.breaks(r.policyDef, o.plain(about).Unify(constraint), []string{name})
		}
	}
}

// excuse notes what exceptions let through, so that those that nobody needs can be found.
func (o *evaluation) excuse(r ruling, v, rule cue.Value, rendered map[string]map[string]any) {
	broken := func(v cue.Value) bool { return v.Validate(cue.Concrete(true)) != nil }
	note := func(resource string) { o.answer.excused = append(o.answer.excused, Breach{r.Name, resource}) }
	o.answer.excepted = append(o.answer.excepted, r.Name)
	if r.lifted {
		if checks := v.LookupPath(pathLifted).LookupPath(cue.MakePath(cue.Str(r.Name))); checks.Exists() && broken(checks) ||
			r.onResources && broken(o.plain(rendered).Unify(rule.LookupPath(pathResources))) {
			note("")
		}
	}
	for _, name := range sortedKeys(rendered) {
		kind, _ := rendered[name]["kind"].(string)
		if r.onResource && r.selectsKind(kind) && r.spares(name) && broken(o.plain(r.about(rendered[name])).Unify(rule.LookupPath(pathResource))) {
			note(name)
		}
	}
}

// about is the part of a resource that a policy mentions.
func (p *policyDef) about(attributes map[string]any) map[string]any {
	if p.mentions == nil {
		return attributes
	}
	out := make(map[string]any, len(p.mentions))
	for _, name := range p.mentions {
		if v, ok := attributes[name]; ok {
			out[name] = v
		}
	}
	return out
}

// plain is decoded JSON as CUE.
func (o *evaluation) plain(v any) cue.Value {
	text, err := json.Marshal(v)
	if err != nil {
		return o.ctx.Encode(err)
	}
	x, err := cuejson.Extract("", text)
	if err != nil {
		return o.ctx.Encode(err)
	}
	return o.ctx.BuildExpr(x)
}

// explainRules holds the resources against each policy that denies, by itself, and says which are broken.
func (o *evaluation) explainRules() {
	apart, err := o.taken(o.template)
	if err != nil {
		o.answer.refuse(o.here(), "%v", err)
		return
	}
	v := o.fill(apart)
	resources := v.LookupPath(pathResources)
	for _, r := range o.template.rules {
		if !r.denies() {
			continue
		}
		rule := v.LookupPath(cue.MakePath(cue.Str("rules"), cue.Str(r.Name)))
		if r.onResources {
			o.breaks(r.policyDef, resources.Unify(rule.LookupPath(pathResources)), nil)
		}
		fields, err := resources.Fields()
		for err == nil && r.onResource && fields.Next() {
			kind, _ := fields.Value().LookupPath(cue.MakePath(cue.Str("kind"))).String()
			if name := fields.Selector().Unquoted(); r.selectsKind(kind) && !r.spares(name) {
				o.breaks(r.policyDef, fields.Value().Unify(rule.LookupPath(pathResource)), []string{name})
			}
		}
	}
}

// failing adds a finding about a policy that can't be evaluated for this owner: it is the policy's
// mistake and not the owner's.
func (o *evaluation) failing(p *policyDef, problem problem) {
	at := p.Origin
	for _, pos := range problem.at {
		if pos.Filename() == p.Origin.File {
			at.Line, at.Col = pos.Line(), pos.Column()
		}
	}
	o.answer.add(Finding{Origin: at, Severity: Error, Tenant: o.answer.tenantName(), Policy: p.Name, Message: problem.text})
}

// breaks adds a finding if v, the resources unified with a policy, doesn't hold, and tells whether it
// did. The finding stands where the value comes from: on the tenant's override or on the plan's line.
func (o *evaluation) breaks(p *policyDef, v cue.Value, prefix []string) bool {
	err := v.Validate(cue.Concrete(o.answer.broken == ""))
	if err == nil {
		return false
	}
	list := problems(err)
	if len(list) == 0 {
		return true
	}
	first := list[0].below("resources").below(prefix...) // the policy's message says what to do; once is enough for a resource
	if first.kind == other {
		o.failing(p, first)
		return true
	}
	path := append(slices.Clone(prefix), first.path...)
	at := o.here()
	if len(path) > 0 {
		if found := o.origin(path); found.Line != 0 {
			at = found
		}
	}
	o.answer.add(Finding{
		Origin: at, Severity: Severity(p.Severity), Tenant: o.answer.tenantName(), Policy: p.Name,
		Message: fmt.Sprintf("%s: %s (policy %s)", strings.Join(path, "."), p.message, p.Name),
	})
	return true
}
