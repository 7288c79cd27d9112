// Package takeover writes what exists in the cloud as definitions of a fleet: a tenant's file that
// adopts it, and if need be the plan that fits. It is pure: what a survey found goes in, files and
// what they mean come out. It writes nothing, and the evaluator has the last word about every file.
package takeover

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// An Order says what is to become whose.
type Order struct {
	Fleet  string // the fleet's name
	Kinds  map[string]resource.Kind
	Tenant Tenant
	Scope  resource.Scope // the cell's
	Path   string         // of the tenant's file, which doesn't exist yet
	// Plan is the path of a plan that doesn't exist yet, for AsPlan; its name is in Tenant.Plan.
	Plan string
	// Found is everything that the survey of the cell's places found, and Picked the ids of what
	// belongs to the tenant.
	Found  []providers.Found
	Picked map[string]bool
	// Decided has the id or the name of what is to become a resource of the plan, by its name there.
	Decided map[string]string
	// Claimed has, by id, what the definitions adopt already, and Spared, by ARN, what is never to be
	// adopted; each with the reason in a person's words.
	Claimed, Spared map[string]string
	// Try evaluates the fleet with these files in it. An error means that it couldn't.
	Try func(files map[string][]byte) (Tried, error)
}

// Tried is what the evaluator made of a fleet with other files in it.
type Tried struct {
	Desired    []resource.Desired // of the tenant and of its cell
	Objections []Objection
}

// An Objection is something that stands against a definition.
type Objection struct {
	resource.Origin
	Message string
	Policy  string // whose policy it is; empty if it is a mistake
	Fatal   bool   // the definitions aren't valid with it
}

func (o Objection) String() string { return o.Origin.String() + ": " + o.Message }

// A Tenant is what a tenant's file says besides its resources.
type Tenant struct {
	Name, DisplayName, Plan, Cell, Residency string
	Contacts                                 []Contact
}

// A Contact is a person or a list that can be reached.
type Contact struct{ Role, Email string }

// A Takeover is a proposal: the files, and what would come of them.
type Takeover struct {
	Files map[string][]byte // by path
	Pairs []Pair            // what would be adopted, by the plan's order of names
	// Overrides are what the tenant's file says otherwise than the plan.
	Overrides []Override
	// Changes are what adopting would change in the cloud, and Created what the plan has and the
	// cloud hasn't.
	Changes []changeset.Change
	Created []resource.Desired
	// Left is what was picked and stays as it is, and Questions what only a person can decide. With
	// a question or a fatal objection there is nothing to be written.
	Left       []Left
	Questions  []Question
	Objections []Objection
	Notes      []string
}

// A Pair is something that exists and the resource that it becomes.
type Pair struct {
	Name  string // in the plan
	Found providers.Found
	Why   string // how they were matched; empty if the plan was made of it
}

// An Override is one attribute that the tenant's file sets.
type Override struct {
	Name, Attribute string
	Value           resource.Value
}

// Left is something that stays as it is.
type Left struct {
	Found providers.Found
	Why   string
}

// A Question is a resource of the plan that several things could become.
type Question struct {
	Name       string
	Kind       string
	Candidates []providers.Found
}

// Ready tells whether the files may be written: nothing is open and nothing stands against them.
func (t Takeover) Ready() bool {
	return len(t.Files) > 0 && len(t.Questions) == 0 && !slices.ContainsFunc(t.Objections, func(o Objection) bool { return o.Fatal })
}

// owner is the tenant as an owner.
func (o Order) owner() resource.Owner { return resource.Tenant(o.Tenant.Name) }

// available returns what was picked and may be adopted, and what may not, with the reason. What
// carries a mark, whoever's, is never available.
func (o Order) available() (free []providers.Found, left []Left) {
	for _, f := range o.Found {
		if !o.Picked[f.ID] {
			continue
		}
		if why := o.unavailable(f); why != "" {
			left = append(left, Left{f, why})
			continue
		}
		free = append(free, f)
	}
	slices.SortStableFunc(free, func(a, b providers.Found) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return free, left
}

func (o Order) unavailable(f providers.Found) string {
	switch {
	case f.Unread != "":
		return "it can't be read: " + f.Unread
	case f.Fleet == "?":
		return "it carries a mark of Tenantry that can't be read"
	case f.Fleet == o.Fleet:
		return fmt.Sprintf("this fleet has it already, as %s", f.Address)
	case !f.Unowned() && f.Fleet != "":
		return fmt.Sprintf("it is the fleet %s's, as %s", f.Fleet, f.Address)
	case !f.Unowned():
		return "it will be deleted or was retired: " + f.Retired
	case o.Claimed[f.ID] != "":
		return o.Claimed[f.ID]
	case o.Spared[f.Outputs["arn"]] != "":
		return o.Spared[f.Outputs["arn"]]
	case o.Kinds[f.Kind].Name == "":
		return "there is no driver for its kind"
	}
	return ""
}

// compare computes what would be changed once the pairs are adopted, by the comparison that plans
// are made with: what was found stands there as if it carried the tenant's mark already.
func (o Order) compare(desired []resource.Desired, pairs []Pair) (mine []changeset.Change, err error) {
	snapshot := changeset.Snapshot{
		Fleet: o.Fleet, Kinds: o.Kinds, Desired: desired, Limits: changeset.Limits{Count: len(desired) + len(pairs)}, CorrectDrift: true,
	}
	for _, f := range o.Found {
		if f.Fleet == o.Fleet && f.Address.Owner == resource.Cell(o.Tenant.Cell) && f.Unread == "" {
			snapshot.Observed = append(snapshot.Observed, observed(f, f.Address, o.Fleet))
		}
	}
	for _, p := range pairs {
		address := resource.Address{Owner: o.owner(), Kind: p.Found.Kind, Name: p.Name}
		snapshot.Observed = append(snapshot.Observed, observed(p.Found, address, o.Fleet))
	}
	cs, err := changeset.Compute(snapshot)
	if err != nil {
		return nil, fmt.Errorf("compare what exists with the definitions: %w", err)
	}
	for _, c := range cs.Changes {
		if c.Address.Owner == o.owner() && c.Action != changeset.None {
			mine = append(mine, c)
		}
	}
	return mine, nil
}

func observed(f providers.Found, address resource.Address, fleet string) resource.Observed {
	return resource.Observed{
		Address: address, Scope: f.Scope, Fleet: fleet, ID: f.ID, Attributes: f.Attributes, Outputs: f.Outputs, Pending: f.Pending,
	}
}

// identity tells whether an attribute is what a thing is known by: it can't be changed, or others
// know the thing by it, so that adopting must never do it.
func identity(kind resource.Kind, attribute string) bool {
	a, ok := kind.Attribute(attribute)
	return ok && (a.Immutable || slices.Contains(kind.Outputs, attribute))
}

// mismatch says why a change can't be the adoption of something: it would give it another identity.
func mismatch(kind resource.Kind, c changeset.Change) string {
	for _, d := range c.Attributes {
		name := changeset.SplitPath(d.Path)[0]
		if identity(kind, name) && d.Before.IsSet() {
			at := ""
			if text := d.Origin.String(); text != "" {
				at = " (" + text + ")"
			}
			return fmt.Sprintf("its %s is %s, and the plan makes it %s%s", d.Path, d.Before, or(d.After.Text(), "none"), at)
		}
	}
	return ""
}

// split sorts what a comparison says: what adopting would change, what would be created, and which
// pairs can't be.
func (o Order) split(changes []changeset.Change) (change []changeset.Change, created []resource.Desired, misfits map[string]string) {
	misfits = map[string]string{}
	for _, c := range changes {
		switch {
		case c.Have == nil && c.Want != nil:
			created = append(created, *c.Want)
		case mismatch(o.Kinds[c.Address.Kind], c) != "":
			misfits[c.Address.Name] = mismatch(o.Kinds[c.Address.Kind], c)
		default:
			change = append(change, c)
		}
	}
	return change, created, misfits
}

// differences counts the attributes of each resource that adopting would change.
func differences(changes []changeset.Change) map[string]int {
	n := map[string]int{}
	for _, c := range changes {
		for _, d := range c.Attributes {
			n[c.Address.Name+"."+changeset.SplitPath(d.Path)[0]]++
		}
	}
	return n
}

// stacks are notes about what other tools manage.
func stacks(pairs []Pair) (notes []string) {
	byStack := map[string][]string{}
	for _, p := range pairs {
		if p.Found.Stack != "" {
			byStack[p.Found.Stack] = append(byStack[p.Found.Stack], p.Found.Name)
		}
	}
	for _, stack := range slices.Sorted(maps.Keys(byStack)) {
		notes = append(notes, fmt.Sprintf("%s manages %s: take it out of there, keeping the resources, before both change them",
			stack, strings.Join(byStack[stack], ", ")))
	}
	return notes
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
