package schema

import (
	"fmt"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// take turns what the evaluator rendered into resources.
func (o *evaluation) take(rendered map[string]map[string]any) {
	kinds := make(map[string]string, len(rendered))
	for name, attributes := range rendered {
		kinds[name], _ = attributes["kind"].(string)
	}
	o.answer.kinds = kinds
	r := &referrer{owner: o.answer.owner, cell: o.cell.Name, kinds: o.def.kinds, own: kinds, shared: o.def.shared[o.cell.Name]}
	for _, name := range sortedKeys(rendered) {
		o.answer.desired = append(o.answer.desired, o.desired(r, name, rendered))
	}
	r.cycle()
	for _, bad := range r.errors {
		f := Finding{Origin: o.origin(bad.path), Severity: Error, Message: fmt.Sprintf("%s: %s", strings.Join(bad.path, "."), bad.message), Tenant: o.answer.tenantName()}
		o.answer.add(f)
	}
}

// desired makes one resource. Its attributes are sorted and canonical by being values.
func (o *evaluation) desired(r *referrer, name string, all map[string]map[string]any) resource.Desired {
	kind, attributes := r.own[name], all[name]
	account := o.def.accounts[o.cell.Account]
	d := resource.Desired{
		Address:    resource.Address{Owner: o.answer.owner, Kind: kind, Name: name},
		Scope:      resource.Scope{Account: account.ID, Region: o.cell.Region},
		Cell:       o.cell.Name,
		Attributes: make(resource.Attributes, len(attributes)),
		Adopt:      o.adopt[name],
		Origin:     o.own[name],
	}
	if o.def.kinds[kind].global {
		d.Scope.Region = resource.Global
	}
	if d.Origin.File == "" {
		d.Origin = o.text.at(locate(o.text.syntax, []string{o.text.name(), "resources"}).label)
	}
	d.Previously = o.earlier(name, all).addresses(d.Address)
	for attribute, v := range attributes {
		if attribute == "kind" || attribute == previously {
			continue
		}
		value, err := resource.Of(r.resolve(v, []string{name, attribute}))
		if err != nil {
			o.answer.refuse(d.Origin, "%s.%s: %v", name, attribute, err)
			continue
		}
		d.Attributes[attribute] = value
	}
	if o.plan == nil {
		return d
	}
	if overrides := o.answer.body.get("overrides").get(name); overrides != nil {
		d.Origins = make(map[string]resource.Origin, len(overrides.fields))
		for _, f := range overrides.fields {
			d.Origins[f.name] = o.answer.source.at(f.label)
		}
	}
	return d
}
