package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"tenantry.dev/reconciler/resource"
)

// definePlan takes a plan whose facts fit the schema and checks its template.
func (e *engine) definePlan(src *source, v cue.Value) []Finding {
	var in struct {
		DisplayName, Isolation string
		Price                  struct {
			Amount   json.Number
			Currency string
		}
		Limits, Backup map[string]any
		Retention      struct{ AfterLeavingDays, AuditLogDays int }
		Support        struct {
			Hours         string
			ResponseHours float64
			Channels      []string
		}
		Capacity int
		SLO      float64
	}
	if err := decode(v.Unify(e.definition("#Plan")), &in); err != nil {
		return []Finding{{Origin: src.at(nil), Severity: Error, Message: err.Error()}}
	}
	amount, err := in.Price.Amount.Float64()
	cents := math.Round(amount * 100)
	if err != nil || math.Abs(amount*100-cents) > 1e-6 || cents > 1e15 {
		at := locate(src.syntax, []string{src.name(), "price", "amount"})
		return []Finding{{Origin: src.at(at.label), Severity: Error, Message: fmt.Sprintf("price.amount: %s has more than two decimals", in.Price.Amount)}}
	}
	p := &planDef{source: src, inputs: inputs(src), capacity: in.Capacity, resources: origins(src)}
	p.Plan = Plan{
		Name: src.name(), DisplayName: in.DisplayName, Isolation: in.Isolation, SLO: in.SLO,
		Price:  Price{Amount: int64(cents), Currency: in.Price.Currency},
		Limits: values(in.Limits), Backup: values(in.Backup), Capacity: in.Capacity,
		Retention: Retention{in.Retention.AfterLeavingDays, in.Retention.AuditLogDays},
		Support:   Support{in.Support.Hours, in.Support.ResponseHours, in.Support.Channels},
		Origin:    src.at(locate(src.syntax, []string{src.name()}).label),
	}
	template, found := e.checkTemplate(src, plansDir, p.resources)
	if len(found) > 0 {
		return found
	}
	p.kinds, p.offers, p.settled = template.kinds, template.offers, settled(src, template.kinds)
	p.Options = template.open
	e.def.plans[p.Name] = p
	return nil
}

func values(in map[string]any) map[string]resource.Value {
	out := make(map[string]resource.Value, len(in))
	for name, v := range in {
		out[name], _ = resource.Of(v) // it came from JSON
	}
	return out
}

// settled tells whether a template writes all its resources under their names, with no condition.
func settled(src *source, kinds map[string]string) bool {
	s, ok := locate(src.syntax, []string{src.name(), "resources"}).value.(*ast.StructLit)
	return ok && onlyFields(s) != nil && !slices.Contains(slices.Collect(maps.Values(kinds)), "")
}

// onlyFields returns the names of a struct's fields, or nil if it has anything but named fields.
func onlyFields(s *ast.StructLit) []string {
	names := []string{}
	for _, d := range s.Elts {
		if _, comment := d.(*ast.CommentGroup); comment {
			continue
		}
		f, ok := d.(*ast.Field)
		if !ok {
			return nil
		}
		name, _, err := ast.LabelName(f.Label)
		if err != nil {
			return nil
		}
		names = append(names, name)
	}
	return names
}

// inputs are what a template or a constraint declares to use, such as "#tenant".
func inputs(src *source) []string {
	var out []string
	for _, f := range keys(locate(src.syntax, []string{src.name()}).value) {
		if name, _, err := ast.LabelName(f.Label); err == nil && strings.HasPrefix(name, "#") && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// origins finds where a template writes each resource.
func origins(src *source) map[string]resource.Origin {
	out := map[string]resource.Origin{}
	at := locate(src.syntax, []string{src.name(), "resources"})
	if at.depth < 2 {
		return out
	}
	for _, f := range keys(at.value) {
		if name, _, err := ast.LabelName(f.Label); err == nil {
			if _, have := out[name]; !have {
				out[name] = src.at(f.Label)
			}
		}
	}
	return out
}

func (e *engine) defineCell(src *source, v cue.Value) []Finding {
	var in struct {
		Account, Region, Environment string
		Capacity                     int
		Adopt                        map[string]string
	}
	if err := decode(v.Unify(e.definition("#Cell")), &in); err != nil {
		return []Finding{{Origin: src.at(nil), Severity: Error, Message: err.Error()}}
	}
	var found []Finding
	say := func(field, format string, args ...any) {
		at := locate(src.syntax, []string{src.name(), field})
		found = append(found, Finding{Origin: src.at(at.label), Severity: Error, Message: field + ": " + fmt.Sprintf(format, args...)})
	}
	account, ok := e.def.accounts[in.Account]
	switch {
	case !ok:
		say("account", "there is no account %q in fleet.cue%s", in.Account, maybe(in.Account, sortedKeys(e.def.accounts)))
	case !slices.Contains(account.Regions, in.Region):
		say("region", "the account %s is not used in %s; fleet.cue has %s for it", in.Account, in.Region, strings.Join(account.Regions, ", "))
	}
	if !slices.Contains(e.def.fleet.environments, in.Environment) {
		say("environment", "there is no environment %q in fleet.cue%s", in.Environment, maybe(in.Environment, e.def.fleet.environments))
	}
	n := &sheet{src: src, root: []string{src.name()}}
	e.def.checkPlacement(n, src.name(), in.Account, in.Environment)
	if found = append(found, n.found...); len(found) > 0 {
		return found
	}
	c := &cellDef{source: src, inputs: inputs(src), adopt: in.Adopt, resources: origins(src)}
	c.Cell = Cell{
		Name: src.name(), Account: in.Account, Region: in.Region, Environment: in.Environment, Capacity: in.Capacity,
		Origin: src.at(locate(src.syntax, []string{src.name()}).label),
	}
	if _, found := e.checkTemplate(src, cellsDir, c.resources); len(found) > 0 {
		return found
	}
	e.def.cells[c.Name] = c
	return nil
}

func (e *engine) definePolicy(src *source, v cue.Value) []Finding {
	var in struct {
		Title, Severity, Message string
		Select                   struct{ Plans, Tenants, Cells, Environments, Residencies, Kinds []string }
		Exceptions               []exceptionFields
	}
	if err := decode(v.Unify(e.definition("#Policy")), &in); err != nil {
		return []Finding{{Origin: src.at(nil), Severity: Error, Message: err.Error()}}
	}
	p := &policyDef{
		source: src, message: in.Message, plans: in.Select.Plans, tenants: in.Select.Tenants, cells: in.Select.Cells,
		environments: in.Select.Environments, residencies: in.Select.Residencies, kinds: in.Select.Kinds,
	}
	at := locate(src.syntax, []string{src.name()})
	p.Policy = Policy{Name: src.name(), Title: in.Title, Severity: in.Severity, Origin: src.at(at.label)}
	for _, f := range keys(at.value) {
		switch name, _, _ := ast.LabelName(f.Label); name {
		case "tenant":
			p.onTenant = true
		case "cell":
			p.onCell = true
		case "resource":
			p.onResource = true
			if s, ok := f.Value.(*ast.StructLit); ok {
				p.mentions = onlyFields(s)
			}
		case "resources":
			p.onResources = true
		}
	}
	p.inputs = inputs(src)
	if found := e.checkSelection(src, p); len(found) > 0 {
		return found
	}
	if found := e.checkConstraint(src, p, v); len(found) > 0 {
		e.def.unsound[p.Name] = p
		return found
	}
	e.def.exceptions(p, in.Exceptions)
	e.def.policies = append(e.def.policies, p)
	return nil
}
