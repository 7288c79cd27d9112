package schema

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/resource"
)

// A Trace tells where one value of a fleet comes from and who has a say in it.
type Trace struct {
	Path   string          `json:"path"`
	Value  string          `json:"value"` // as CUE on one line; empty if there is none
	From   string          `json:"from"`  // in words: "the tenant's override", "the plan team"
	Origin resource.Origin `json:"origin"`

	// Of an attribute of a resource: what the template says, and what it leaves to tenants.
	Template  string          `json:"template,omitempty"` // as it is written
	Says      resource.Origin `json:"says,omitzero"`      // where
	MayChoose string          `json:"may_choose,omitempty"`
	Policies  []PolicyNote    `json:"policies,omitempty"`
	Choices   []Choice        `json:"choices,omitempty"` // tenants that chose, of a plan's attribute
	Tenants   int             `json:"tenants,omitempty"` // on the plan

	Doc string `json:"doc,omitempty"` // the path to explain, for what the schema says of it
}

// A PolicyNote is a policy that is about a value.
type PolicyNote struct {
	Name     string          `json:"name"`
	Severity string          `json:"severity"`
	Title    string          `json:"title"`
	Origin   resource.Origin `json:"origin"`
	Mentions bool            `json:"mentions"` // it says something of this attribute
	// Exceptions are those in force that take it off the resource, or off some of those that the plan makes.
	Exceptions []ExceptionNote `json:"exceptions,omitempty"`
}

// An ExceptionNote is an exception that is in force.
type ExceptionNote struct {
	Whom    string          `json:"whom"` // in words: "the tenant acme", "logs of the cell eu-1"
	Owner   string          `json:"owner"`
	Reason  string          `json:"reason"`
	Expires time.Time       `json:"expires"`
	Origin  resource.Origin `json:"origin"`
}

// A Choice is what one tenant's override says.
type Choice struct {
	Tenant string          `json:"tenant"`
	Value  string          `json:"value"`
	Origin resource.Origin `json:"origin"`
}

// A tracer follows values through the files of a fleet.
type tracer struct {
	fsys  fs.FS
	fleet *Fleet
	rules []rule
}

// Trace tells where a value of a fleet comes from. The path is an address and an attribute,
// "tenant/acme/aws.s3.bucket/data.versioning", or a name and what is in it: "plan.team.data.versioning",
// "tenant.acme.contacts". fsys has the files that the fleet was loaded from; they are read again, and not evaluated.
func (f *Fleet) Trace(fsys fs.FS, path string) (Trace, error) {
	t := tracer{fsys: fsys, fleet: f, rules: readRules(fsys, f)}
	if strings.Contains(path, "/") {
		return t.address(path)
	}
	class, rest, _ := strings.Cut(path, ".")
	name, field, _ := strings.Cut(rest, ".")
	switch strings.TrimSuffix(class, "s") {
	case "tenant":
		return t.tenant(path, name, split(field))
	case "plan":
		return t.plan(path, name, split(field))
	case "cell":
		return t.cell(path, name, split(field))
	case "policie", "policy":
		i := slices.IndexFunc(f.Policies, func(p Policy) bool { return p.Name == name })
		if i < 0 {
			return Trace{}, nothing("policy", name, names(f.Policies, func(p Policy) string { return p.Name }))
		}
		return t.field(path, f.Policies[i].Origin.File, []string{name}, split(field), "policy")
	case "account":
		return t.field(path, fleetFile, []string{"accounts", name}, split(field), "account")
	case "fleet":
		return t.field(path, fleetFile, nil, split(rest), "fleet")
	}
	return Trace{}, fmt.Errorf("there is nothing at %q; a path begins with tenant, plan, cell, policy, account or fleet", path)
}

func nothing(what, name string, known []string) error {
	return fmt.Errorf("there is no %s %q in this fleet%s", what, name, maybe(name, known))
}

func names[T any](list []T, name func(T) string) []string {
	var out []string
	for _, x := range list {
		out = append(out, name(x))
	}
	return out
}

// address traces an attribute of a resource, or the resource itself.
func (t *tracer) address(path string) (Trace, error) {
	slash := strings.LastIndexByte(path, '/')
	name, field, _ := strings.Cut(path[slash+1:], ".")
	address, err := resource.ParseAddress(path[:slash+1] + name)
	if err != nil {
		return Trace{}, err
	}
	rendering := t.fleet.RenderOwners(address.Owner)
	if why, broken := rendering.Broken[address.Owner]; broken {
		return Trace{}, fmt.Errorf("%s can't be rendered: %s", address.Owner, why)
	}
	for _, d := range rendering.Desired {
		if d.Address == address {
			return t.attribute(path, d, split(field))
		}
	}
	var known []string
	for _, d := range rendering.Desired {
		known = append(known, d.Address.String())
	}
	return Trace{}, nothing("resource", address.String(), known)
}

// template is where an owner's resources are written.
func (t *tracer) template(d resource.Desired) (file string, root []string, whose string) {
	if d.Address.Owner.Class() == "cell" {
		name := d.Address.Owner.Name()
		return d.Origin.File, []string{name, "resources", d.Address.Name}, "the cell " + name
	}
	plan := ""
	for _, tenant := range t.fleet.Tenants {
		if resource.Tenant(tenant.Name) == d.Address.Owner {
			plan = tenant.Plan
		}
	}
	return d.Origin.File, []string{plan, "resources", d.Address.Name}, "the plan " + plan
}

// attribute traces what is below a rendered resource.
func (t *tracer) attribute(path string, d resource.Desired, field []string) (Trace, error) {
	file, root, whose := t.template(d)
	out := Trace{Path: path, Origin: d.Origin, From: whose, Doc: d.Address.Kind}
	if len(field) == 0 {
		return out, nil
	}
	out.Doc += "." + strings.Join(field, ".")
	if v, ok := inside(d.Attributes[field[0]], field[1:]); ok {
		out.Value = oneLine(plainJSON(v))
	}
	out.From, out.Origin = "the default of "+d.Address.Kind, resource.Origin{}
	if p, err := readPage(t.fsys, file); err == nil {
		if at, ok := nearestAbove(p, root, field); ok {
			out.Template, out.Says, out.MayChoose = p.written(at.value), p.at(at.label), t.may(p, at, d.Address.Owner)
			out.From, out.Origin = whose, out.Says
		} else if d.Address.Owner.Class() == "tenant" {
			out.MayChoose = fmt.Sprintf("nothing: the plan doesn't mention %s, so a tenant can't override it", field[0])
		}
	}
	if own, ok := t.override(d.Address.Owner.Name(), append([]string{d.Address.Name}, field...)); ok && d.Address.Owner.Class() == "tenant" {
		out.From, out.Origin = "the tenant's override", own.Origin
	}
	out.Policies = t.policies(d, field[0])
	return out, nil
}

// nearestAbove finds a field below a root, or the nearest one above it that is still below the root.
func nearestAbove(p *page, root, field []string) (spot, bool) {
	for n := len(field); n > 0; n-- {
		if at, ok := p.find(slices.Concat(root, field[:n])...); ok {
			return at, true
		}
	}
	return spot{}, false
}

// may says what a tenant may choose where a plan writes something.
func (t *tracer) may(p *page, at spot, owner resource.Owner) string {
	if owner.Class() == "cell" {
		return ""
	}
	if words := offer(p, at.value); words != "" {
		return words
	}
	return "nothing: the plan fixes it"
}

// plainJSON is a value for people, with references named and secrets masked.
func plainJSON(v resource.Value) string {
	text, err := v.MarshalJSON()
	if err != nil {
		return ""
	}
	return string(text)
}

// inside follows a path into a value.
func inside(v resource.Value, path []string) (resource.Value, bool) {
	for _, name := range path {
		members, ok := v.Members()
		if !ok {
			return v, false
		}
		if v, ok = members[name]; !ok {
			return v, false
		}
	}
	return v, v.IsSet()
}

// override finds what a tenant's file overrides.
func (t *tracer) override(tenant string, path []string) (Choice, bool) {
	i := slices.IndexFunc(t.fleet.Tenants, func(x Tenant) bool { return x.Name == tenant })
	if i < 0 {
		return Choice{}, false
	}
	p, err := readPage(t.fsys, t.fleet.Tenants[i].Origin.File)
	if err != nil {
		return Choice{}, false
	}
	at, ok := p.find(slices.Concat([]string{"tenant", tenant, "overrides"}, path)...)
	if !ok {
		return Choice{}, false
	}
	return Choice{Tenant: tenant, Value: p.written(at.value), Origin: p.at(at.label)}, true
}

// policies are those that are about a resource; those that mention the attribute first.
func (t *tracer) policies(d resource.Desired, attribute string) []PolicyNote {
	about := subject{cell: d.Cell, kind: d.Address.Kind}
	for _, x := range t.fleet.Tenants {
		if resource.Tenant(x.Name) == d.Address.Owner {
			about.plan, about.tenant, about.residency = x.Plan, x.Name, x.Residency
		}
	}
	for _, c := range t.fleet.Cells {
		if c.Name == d.Cell {
			about.environment = c.Environment
		}
	}
	return t.notes(func(r rule) bool {
		if d.Address.Owner.Class() == "cell" && !r.ofCells() {
			return false
		}
		return r.selects.about(about)
	}, func(x Exception) bool { return x.covers(about.tenant, about.cell) }, d.Address.Name, attribute)
}

// notes are the policies that are about resources of a name, with the exceptions of those that they are for.
func (t *tracer) notes(about func(rule) bool, covers func(Exception) bool, name, attribute string) []PolicyNote {
	var first, rest []PolicyNote
	for _, r := range t.rules {
		if r.page == nil || !about(r) {
			continue
		}
		if _, onResource := r.page.find(r.Name, "resource"); !onResource {
			if _, named := r.page.find(r.Name, "resources", name); !named {
				continue
			}
		}
		note := PolicyNote{Name: r.Name, Severity: r.Severity, Title: r.Title, Origin: r.Origin, Mentions: r.mentions(name, attribute)}
		for _, x := range t.fleet.Exceptions {
			if x.Active && x.Policy == r.Name && covers(x) && (x.Resource == "" || x.Resource == name) {
				note.Exceptions = append(note.Exceptions, ExceptionNote{x.Whom(), x.Owner, x.Reason, x.Expires, x.Origin})
			}
		}
		if note.Mentions {
			first = append(first, note)
		} else {
			rest = append(rest, note)
		}
	}
	return append(first, rest...)
}
