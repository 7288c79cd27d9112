package schema

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
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
		o.answer.add(Finding{Origin: at, Severity: Severity(rule.Severity), Tenant: o.answer.tenantName(), Policy: rule.Name,
			Message: fmt.Sprintf("%s: %s (policy %s)", field, rule.message, rule.Name)})
	}
}

func (o *evaluation) rule(name string) *policyDef {
	i := slices.IndexFunc(o.template.rules, func(p *policyDef) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return o.template.rules[i]
}

// explainRules holds the resources against each policy by itself and says which are broken.
func (o *evaluation) explainRules(about func(*policyDef) bool) {
	apart, err := o.taken(o.template)
	if err != nil {
		o.answer.refuse(o.here(), "%v", err)
		return
	}
	v := o.fill(apart)
	resources := v.LookupPath(pathResources)
	for _, p := range o.template.rules {
		if !about(p) {
			continue
		}
		rule := v.LookupPath(cue.MakePath(cue.Str("rules"), cue.Str(p.Name)))
		if p.onResources {
			o.breaks(p, resources.Unify(rule.LookupPath(pathResources)), nil)
		}
		fields, err := resources.Fields()
		for err == nil && p.onResource && fields.Next() {
			kind, _ := fields.Value().LookupPath(cue.MakePath(cue.Str("kind"))).String()
			if p.selectsKind(kind) {
				o.breaks(p, fields.Value().Unify(rule.LookupPath(cue.MakePath(cue.Str("resource")))), []string{fields.Selector().Unquoted()})
			}
		}
	}
}

// breaks adds a finding if v, the resources unified with a policy, doesn't hold. The finding stands
// where the value comes from: on the tenant's override or on the plan's line.
func (o *evaluation) breaks(p *policyDef, v cue.Value, prefix []string) {
	err := v.Validate(cue.Concrete(o.answer.broken == ""))
	if err == nil {
		return
	}
	for _, problem := range problems(err, append([]string{"resources"}, prefix...)...) {
		path := append(slices.Clone(prefix), problem.path...)
		at := o.here()
		if len(path) > 0 {
			if found := o.origin(path); found.Line != 0 {
				at = found
			}
		}
		name := strings.Join(path, ".")
		f := Finding{Origin: at, Severity: Severity(p.Severity), Tenant: o.answer.tenantName(), Policy: p.Name,
			Message: fmt.Sprintf("%s: %s (policy %s)", name, p.message, p.Name)}
		o.answer.add(f)
		return // the policy's message says what to do; once is enough for a resource
	}
}
