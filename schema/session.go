package schema

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"tenantry.dev/internal/awstypes"
	"tenantry.dev/reconciler/resource"
)

// A Session evaluates tenants under one set of definitions in the calling process, and can be killed
// by what it evaluates: it belongs into a worker. Not safe for concurrent use.
type Session struct {
	engine    *engine
	given     Definitions
	step      func(Step)
	condemned map[string]string
}

// Condemn says which plans are not to be evaluated any more, and why. Their tenants are broken for
// that reason, without a finding of their own.
func (s *Session) Condemn(plans map[string]string) { s.condemned = plans }

// NewSession makes a session. It calls step before each thing that it evaluates.
func NewSession(d Definitions, step func(Step)) *Session { return &Session{given: d, step: step} }

// Define evaluates the definitions. It comes first, and once.
func (s *Session) Define() (out *Defined) {
	defer func() {
		if r := recover(); r != nil { // of the evaluator, on plans, cells or policies
			out = unusable(fmt.Sprintf("the evaluator fails on these definitions: %v", r))
		}
	}()
	t := newTree(s.given.Files, s.given.Killed, s.step)
	e, err := newEngine(t, nil)
	if err != nil {
		return unusable(err.Error())
	}
	e.step, e.packages.step, e.packages.cautious = s.step, s.step, s.given.Cautious
	out = &Defined{Found: append(t.found, t.checkModule()...), Killed: s.given.Killed}
	if t.module == "" {
		t.module = "fleet.invalid" // the folders can't be imported, but what imports nothing is still checked
	}
	f := &Fleet{At: s.given.At, Types: managed(t.types()), Natives: t.natives(), Broken: map[resource.Owner]string{}}
	def, found := e.define(f)
	out.Found = append(out.Found, found...)
	if def == nil {
		return out
	}
	s.engine, out.Fleet = e, f
	e.plans(out)
	e.cells(out)
	s.step(Step{File: approvalsDir})
	decided, found := e.decisions(s.given.At)
	f.Approvals, f.Waivers, out.Found, out.Mentions = decided.approvals, decided.waivers, append(out.Found, found...), def.mentions
	if until := decided.until; !until.IsZero() && (f.Until.IsZero() || until.Before(f.Until)) {
		f.Until = until
	}
	e.step = func(Step) {}
	return out
}

// unusable is what is said of definitions that aren't understood at all.
func unusable(message string) *Defined { return Unusable(".", message) }

// Unusable is what definitions come to of which nothing can be used, with the finding that says why.
func Unusable(file, message string) *Defined {
	at := resource.Origin{File: file}
	if file != "." {
		at.Line = 1
	}
	return &Defined{Found: []Finding{{Origin: at, Severity: Error, Message: message}}}
}

func (e *engine) plans(out *Defined) {
	for _, name := range sortedKeys(e.def.plans) {
		out.Fleet.Plans = append(out.Fleet.Plans, e.def.plans[name].Plan)
	}
	for _, p := range e.def.policies {
		out.Fleet.Policies = append(out.Fleet.Policies, p.Policy)
	}
}

// cells renders the cells, and drops those that can't be used.
func (e *engine) cells(out *Defined) {
	e.def.shared = map[string]map[string]string{}
	var counts []Count
	for _, name := range sortedKeys(e.def.cells) {
		c := e.def.cells[name]
		e.step(Step{File: c.source.path})
		a := e.cell(c)
		exported := a.export()
		out.Cells = append(out.Cells, exported)
		out.Found = append(out.Found, a.found...)
		if a.broken != "" {
			e.def.spoiled[cellsDir+"/"+name] = a.broken
			continue
		}
		e.def.shared[name] = a.kinds
		counts = append(counts, quotaCounts(a.desired, e.def.accounts)...)
	}
	out.Limits = append(out.Limits, e.def.quotas(counts)...)
	for _, name := range sortedKeys(e.def.cells) {
		c := e.def.cells[name]
		if _, sound := e.def.shared[name]; !sound {
			delete(e.def.cells, name)
			continue
		}
		out.Fleet.Cells = append(out.Fleet.Cells, c.Cell)
		out.Limits = append(out.Limits, c.limits()...)
	}
	for key, reason := range e.def.spoiled {
		if folder, name := path.Split(key); folder == cellsDir+"/" {
			out.Fleet.Broken[resource.Cell(name)] = reason
		}
	}
}

// limits bound what the tenants of a cell take together.
func (c *cellDef) limits() []Limit {
	return []Limit{{
		Of: placesOf(c.Name), Most: c.Capacity, At: c.source.at(locate(c.source.syntax, []string{c.Name, "capacity"}).label),
		Message: fmt.Sprintf("the cell %s has {most} places, and its tenants take {taken}: {whom}; make another cell, or give it more places", c.Name),
	}}
}

func placesOf(cell string) string { return "places of " + cell }

// Tenant evaluates one tenant.
func (s *Session) Tenant(f File) *Answer {
	a, next := s.engine.survive(f, s.step, s.condemned)
	s.engine = next
	out := a.export()
	if a.broken == "" {
		out.Placed = s.placed(a)
	} else {
		out.Placed.Token = a.token()
	}
	return out
}

// Place finds where a tenant is placed.
func (s *Session) Place(f File) Placed {
	src, found := parseTenant(f)
	a := &answer{owner: resource.Tenant(src.name()), source: src, found: found}
	a.body = a.readBody(src)
	return s.placed(a)
}

func (s *Session) placed(a *answer) Placed {
	if a.body == nil {
		return Placed{}
	}
	return Placed{Token: a.token(), Needs: s.engine.needs(placeOf(a.body))}
}

// token stands for the tenant's place.
func (a *answer) token() string {
	if a.body == nil {
		return ""
	}
	return fmt.Sprintf("%q", placeOf(a.body))
}

// export makes an answer plain data.
func (a *answer) export() *Answer {
	out := &Answer{File: a.source.path, Owner: a.owner, At: resource.Origin{File: a.source.path, Line: 1}, Tenant: a.tenant, Found: a.found, Broken: a.broken, Stopped: a.stopped}
	if a.label != nil {
		out.At = a.source.at(a.label)
	}
	if a.offboards {
		out.Offboards = a.source.at(a.body.label("lifecycle"))
	}
	out.Claims, out.Renames, out.Excepted, out.Excused = a.claims(), a.renames(), a.excepted, a.excused
	if a.tenant != nil && !a.offboards {
		out.Counts = a.counts
	}
	if a.broken == "" && len(a.desired) > 0 {
		out.Body = resource.Pack(a.desired)
		out.Sum = sha256.Sum256(resource.Pack(anywhere(a.desired)))
		for _, d := range a.desired {
			sum := nameOf(d).sum()
			out.Names = append(out.Names, sum[:]...)
			for _, v := range d.Attributes {
				out.Secret = out.Secret || v.IsSecret()
			}
		}
	}
	return out
}

// anywhere are resources without the places where they are written.
func anywhere(list []resource.Desired) []resource.Desired {
	out := slices.Clone(list)
	for i := range out {
		out[i].Origin, out[i].Origins = resource.Origin{}, nil
	}
	return out
}

// claims are what no other tenant may have.
func (a *answer) claims() []Claim {
	domains := a.body.get("domains")
	if domains == nil || domains.kind != listNode {
		return nil
	}
	var out []Claim
	for _, d := range domains.list {
		if name, ok := d.scalar.(string); ok {
			out = append(out, Claim{Of: "domains", Name: name, At: a.source.at(d.expr)})
		}
	}
	return out
}

// A cloudName is what no two resources may have in common.
type cloudName struct{ kind, within, name string }

// nameOf is a resource's name in the cloud.
func nameOf(d resource.Desired) cloudName {
	attribute, within := "name", d.Scope.String()
	switch d.Address.Kind {
	case "aws.kms.key":
		attribute = "alias"
	case "aws.s3.bucket":
		within = "" // the whole world
	}
	if IsType(d.Address.Kind) {
		return cloudName{d.Address.Kind, within, cmp.Or(typeName(d), d.Address.String())}
	}
	return cloudName{d.Address.Kind, within, d.Attributes[attribute].Text()}
}

// typeIndex is what is known of all resource types. It is read when it is first needed.
var typeIndex = sync.OnceValues(func() (*awstypes.Index, error) {
	table, err := awstypes.Open()
	if err != nil {
		return nil, err
	}
	return table.Index()
})

// typeName is what no two resources of a type can have the same of in one place; empty if AWS makes that
// up. Of what can't be tagged it is also what tells ours from others, so that two mustn't leave it open.
func typeName(d resource.Desired) string {
	index, err := typeIndex()
	if err != nil {
		return ""
	}
	entry, _ := index.Entry(d.Address.Kind)
	var parts []string
	for _, path := range entry.Named {
		parts = append(parts, d.Attributes.At(path).Text())
	}
	if len(slices.DeleteFunc(slices.Clone(parts), func(text string) bool { return text == "" })) == 0 {
		return ""
	}
	return strings.Join(parts, "|")
}

// sum stands for the name.
func (n cloudName) sum() nameSum {
	sum := sha256.Sum256([]byte(strings.Join([]string{n.kind, n.within, n.name}, "\x00")))
	return nameSum(sum[:16])
}

// A nameSum stands for a name in the cloud.
type nameSum [16]byte
