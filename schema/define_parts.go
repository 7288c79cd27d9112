package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"

	"tenantry.dev/reconciler/resource"
)

type cueError = errors.Error

// definePlan takes a plan whose facts fit the schema and checks its template.
func (e *engine) definePlan(src *source, v cue.Value) []Finding {
	var in struct {
		DisplayName, Isolation string
		Price                  struct {
			Amount   json.Number
			Currency string
		}
		Limits, Backup map[string]any
		Capacity       int
		SLO            float64
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
	p := &planDef{source: src, capacity: in.Capacity, resources: origins(src)}
	p.Plan = Plan{
		Name: src.name(), DisplayName: in.DisplayName, Isolation: in.Isolation, SLO: in.SLO,
		Price:  Price{Amount: int64(cents), Currency: in.Price.Currency},
		Limits: values(in.Limits), Backup: values(in.Backup),
		Origin: src.at(locate(src.syntax, []string{src.name()}).label),
	}
	names, found := e.checkTemplate(src, plansDir, p.resources)
	if len(found) > 0 {
		return found
	}
	p.names = names
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
	if len(found) > 0 {
		return found
	}
	c := &cellDef{source: src, adopt: in.Adopt, resources: origins(src)}
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

// checkTemplate evaluates a template that isn't filled in. What is wrong then is wrong for
// everybody, and the plan's or the cell's mistake.
func (e *engine) checkTemplate(src *source, folder string, written map[string]resource.Origin) (map[string]bool, []Finding) {
	text := fmt.Sprintf("package engine\nimport (\n%q\n%q\n)\nresources: {\n(%s[%q] & {resources: _}).resources\n[string]: {kind: string, schema.#Kinds[kind]}\n}\n",
		modulePath, e.def.module+"/"+folder, folder, src.name())
	v, err := e.packages.inline(e.ctx, "unfilled", text)
	if err != nil {
		return nil, fileErrors(src.path, errors.Errors(errors.Promote(err, "")))
	}
	v = v.LookupPath(cue.MakePath(cue.Str("resources")))
	var found []Finding
	kinds := map[string]string{}
	for name, at := range written {
		if !isName.MatchString(name) {
			found = append(found, Finding{Origin: at, Severity: Error, Message: fmt.Sprintf("%q can't be a resource's name: names have lower-case letters, digits and hyphens, and begin with a letter", name)})
			continue
		}
		if finding, kind := e.kindOf(src, v, name, at); finding != nil {
			found = append(found, *finding)
		} else {
			kinds[name] = kind
		}
	}
	if len(found) > 0 {
		return nil, found
	}
	if err := v.Validate(); err != nil {
		return nil, e.templateFindings(src, err, kinds)
	}
	names := map[string]bool{}
	for name := range written {
		names[name] = true
	}
	for _, name := range fieldNames(v) {
		names[name] = true
	}
	return names, nil
}

// kindOf reads the kind of a resource in a template. A resource that only some tenants have may
// not be there.
func (e *engine) kindOf(src *source, v cue.Value, name string, at resource.Origin) (*Finding, string) {
	r := v.LookupPath(cue.MakePath(cue.Str(name)))
	if !r.Exists() {
		return nil, ""
	}
	written := locate(src.syntax, []string{src.name(), "resources", name, "kind"})
	if written.depth < 4 {
		if kind, err := r.LookupPath(cue.MakePath(cue.Str("kind"))).String(); err == nil {
			return nil, kind
		}
		return &Finding{Origin: at, Severity: Error, Message: fmt.Sprintf("%s has no kind; give it one of %s", name, oneOf(sortedKeys(e.def.kinds)))}, ""
	}
	lit, ok := written.value.(*ast.BasicLit)
	if !ok {
		return nil, ""
	}
	kind := strings.Trim(lit.Value, `"`)
	if _, known := e.def.kinds[kind]; !known {
		return &Finding{Origin: src.at(written.value), Severity: Error, Message: fmt.Sprintf("%s: there is no kind %q%s", name, kind, maybe(kind, sortedKeys(e.def.kinds)))}, ""
	}
	return nil, kind
}

// templateFindings puts problems of a template in words: their paths begin with a resource's name.
func (e *engine) templateFindings(src *source, err error, kinds map[string]string) []Finding {
	var out []Finding
	for _, p := range problems(err, 1) {
		r := reporter{e: e, src: src, root: []string{src.name(), "resources"}}
		def := cue.Value{}
		if len(p.path) > 0 {
			r.root = append(r.root, p.path[0])
			def = e.kind(kinds[p.path[0]])
			p.path = p.path[1:]
		}
		found := locate(src.syntax, slices.Concat(r.root, p.path))
		written := ""
		if found.depth == len(r.root)+len(p.path) && found.value != nil {
			written = src.written(found.value)
		}
		message := p.words(def, written)
		if len(r.root) == 3 {
			message = r.root[2] + ": " + message
		}
		out = append(out, Finding{Origin: r.place(p, found), Severity: Error, Message: message})
	}
	return out
}

// kind is the definition of a kind.
func (e *engine) kind(name string) cue.Value {
	return e.definition("#Kinds").LookupPath(cue.MakePath(cue.Str(name)))
}

func (e *engine) definePolicy(src *source, v cue.Value) []Finding {
	var in struct {
		Title, Severity, Message string
		Select                   struct{ Plans, Cells, Environments, Residencies, Kinds []string }
	}
	if err := decode(v.Unify(e.definition("#Policy")), &in); err != nil {
		return []Finding{{Origin: src.at(nil), Severity: Error, Message: err.Error()}}
	}
	p := &policyDef{message: in.Message, plans: in.Select.Plans, cells: in.Select.Cells, environments: in.Select.Environments, residencies: in.Select.Residencies, kinds: in.Select.Kinds}
	at := locate(src.syntax, []string{src.name()})
	p.Policy = Policy{Name: src.name(), Title: in.Title, Severity: in.Severity, Origin: src.at(at.label)}
	for _, f := range keys(at.value) {
		switch name, _, _ := ast.LabelName(f.Label); name {
		case "tenant":
			p.onTenant, p.ofTenants = true, true
		case "cell":
			p.onCell, p.ofTenants = true, true
		case "resource":
			p.onResource = true
		case "resources":
			p.onResources = true
		case "#tenant", "#plan":
			p.ofTenants = true
		}
	}
	if found := e.checkSelection(src, p); len(found) > 0 {
		return found
	}
	if found := e.checkConstraint(src, p, v); len(found) > 0 {
		return found
	}
	e.def.policies = append(e.def.policies, p)
	return nil
}

// checkSelection finds names that select nothing, because then the policy would silently guard nothing.
func (e *engine) checkSelection(src *source, p *policyDef) []Finding {
	var found []Finding
	check := func(field string, list, known []string, folder string) {
		for i, name := range list {
			if slices.Contains(known, name) || e.def.spoiled[folder+"/"+name] != "" {
				continue
			}
			at := locate(src.syntax, []string{src.name(), "select", field, fmt.Sprint(i)})
			found = append(found, Finding{Origin: src.at(at.label), Severity: Error, Message: fmt.Sprintf("select.%s: there is no %q%s", field, name, maybe(name, known))})
		}
	}
	check("plans", p.plans, sortedKeys(e.def.plans), plansDir)
	check("cells", p.cells, sortedKeys(e.def.cells), cellsDir)
	check("environments", p.environments, e.def.fleet.environments, "")
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
	v = v.FillPath(cue.MakePath(cue.Str("resource")), e.ctx.CompileString("_")).LookupPath(cue.MakePath(cue.Str("resource")))
	for _, kind := range sortedKeys(e.def.kinds) {
		if len(p.kinds) == 0 || !slices.Contains(p.kinds, kind) {
			continue
		}
		if err := v.Unify(e.kind(kind)).Validate(); err != nil {
			r := reporter{e: e, src: src, root: []string{p.Name, "resource"}, def: e.kind(kind)}
			return r.findings(err)
		}
	}
	return nil
}

// written is a value as the file has it, on one line.
func (s *source) written(x ast.Expr) string {
	from, to := x.Pos().Offset(), x.End().Offset()
	if from < 0 || to > len(s.text) || from >= to {
		return ""
	}
	return strings.Join(strings.Fields(string(s.text[from:to])), " ")
}
