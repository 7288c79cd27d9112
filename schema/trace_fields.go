package schema

import (
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// tenant traces a field of a tenant's file, or an attribute of one of its resources.
func (t *tracer) tenant(path, name string, field []string) (Trace, error) {
	i := slices.IndexFunc(t.fleet.Tenants, func(x Tenant) bool { return x.Name == name })
	if i < 0 {
		if why, broken := t.fleet.Broken[resource.Tenant(name)]; broken {
			return Trace{}, fmt.Errorf("the tenant %s can't be used: %s", name, why)
		}
		return Trace{}, nothing("tenant", name, names(t.fleet.Tenants, func(x Tenant) string { return x.Name }))
	}
	if len(field) > 0 {
		for _, d := range t.fleet.RenderOwners(resource.Tenant(name)).Desired {
			if d.Address.Name == field[0] {
				return t.attribute(path, d, field[1:])
			}
		}
		if field[0] == "overrides" && len(field) > 1 {
			return t.tenant(path, name, field[1:])
		}
	}
	return t.field(path, t.fleet.Tenants[i].Origin.File, []string{"tenant", name}, field, "tenant")
}

// cell traces a field of a cell's file, or an attribute of one of its resources.
func (t *tracer) cell(path, name string, field []string) (Trace, error) {
	i := slices.IndexFunc(t.fleet.Cells, func(x Cell) bool { return x.Name == name })
	if i < 0 {
		return Trace{}, nothing("cell", name, names(t.fleet.Cells, func(x Cell) string { return x.Name }))
	}
	if len(field) > 0 && field[0] == "resources" {
		field = field[1:]
	}
	if len(field) > 0 {
		for _, d := range t.fleet.RenderOwners(resource.Cell(name)).Desired {
			if d.Address.Name == field[0] {
				return t.attribute(path, d, field[1:])
			}
		}
	}
	return t.field(path, t.fleet.Cells[i].Origin.File, []string{name}, field, "cell")
}

// plan traces a field of a plan, or an attribute of a resource in its template: for no tenant in
// particular, so that it has no value, but a choice.
func (t *tracer) plan(path, name string, field []string) (Trace, error) {
	i := slices.IndexFunc(t.fleet.Plans, func(x Plan) bool { return x.Name == name })
	if i < 0 {
		return Trace{}, nothing("plan", name, names(t.fleet.Plans, func(x Plan) string { return x.Name }))
	}
	file := t.fleet.Plans[i].Origin.File
	if len(field) > 1 && field[0] == "resources" {
		field = field[1:]
	}
	p, err := readPage(t.fsys, file)
	if err != nil {
		return Trace{}, err
	}
	at, ok := spot{}, false
	if len(field) > 0 {
		at, ok = p.find(name, "resources", field[0])
	}
	if !ok {
		return t.field(path, file, []string{name}, field, "plan")
	}
	kind := kindIn(at.value)
	out := Trace{Path: path, From: "the plan " + name, Origin: p.at(at.label), Doc: kind, Tenants: t.on(name)}
	if len(field) == 1 {
		return out, nil
	}
	out.Doc += "." + strings.Join(field[1:], ".")
	if at, ok := nearestAbove(p, []string{name, "resources", field[0]}, field[1:]); ok {
		out.Template, out.Says, out.Origin = p.written(at.value), p.at(at.label), p.at(at.label)
		out.MayChoose = t.may(p, at, "tenant/")
	} else {
		out.From, out.Origin = "the default of "+kind, resource.Origin{}
		out.MayChoose = fmt.Sprintf("nothing: the plan doesn't mention %s, so a tenant can't override it", field[1])
	}
	for _, tenant := range t.fleet.Tenants {
		if choice, ok := t.override(tenant.Name, field); ok && tenant.Plan == name {
			out.Choices = append(out.Choices, choice)
		}
	}
	out.Policies = t.planPolicies(name, kind, field[0], field[1])
	return out, nil
}

// planPolicies are the policies that are about a resource of a plan, or at least about that of one tenant on it.
func (t *tracer) planPolicies(plan, kind, name, attribute string) []PolicyNote {
	some := func(is func(Tenant) bool) bool {
		return slices.ContainsFunc(t.fleet.Tenants, func(x Tenant) bool { return x.Plan == plan && is(x) })
	}
	return t.notes(func(r rule) bool {
		named := func(x Tenant) bool { return slices.Contains(r.selects.Tenants, x.Name) }
		return r.selects.about(subject{plan: plan, kind: kind}) && (len(r.selects.Tenants) == 0 || some(named))
	}, func(x Exception) bool {
		return some(func(of Tenant) bool { return x.covers(of.Name, of.Cell) })
	}, name, attribute)
}

// on counts the tenants on a plan.
func (t *tracer) on(plan string) (n int) {
	for _, x := range t.fleet.Tenants {
		if x.Plan == plan {
			n++
		}
	}
	return n
}

// field traces what a file says by itself.
func (t *tracer) field(path, file string, root, field []string, chapter string) (Trace, error) {
	out := Trace{Path: path, From: file, Doc: strings.Join(append([]string{chapter}, field...), ".")}
	p, err := readPage(t.fsys, file)
	if err != nil {
		return out, err
	}
	at, ok := p.find(slices.Concat(root, field)...)
	if !ok {
		if _, is := p.find(root...); !is && len(root) > 0 {
			return out, fmt.Errorf("there is no %s %q in this fleet", chapter, root[len(root)-1])
		}
		out.From = "the schema, as " + file + " doesn't say"
		return out, nil
	}
	out.Origin = p.at(at.label)
	if len(field) > 0 {
		out.Value = p.written(at.value)
	}
	return out, nil
}
