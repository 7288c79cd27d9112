package changeset

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"tenantry.dev/reconciler/resource"
)

// Compute tells what would have to change for the cloud to be as Git wants it. The result depends
// on the snapshot alone, and not on the order of its lists.
//
//	desired  observed  applied        change
//	yes      yes, =    any            none
//	yes      yes, ≠    = desired      update or replace, cause drift: held unless CorrectDrift
//	yes      yes, ≠    other, or none update or replace, cause config
//	yes      no        = desired      create, cause drift: held unless CorrectDrift
//	yes      no        other, or none create (or adopt), cause config
//	no       yes       yes            delete (or retire): the owner's plan changed
//	no       yes       no             delete if the log says that we made it, or if a commit removed
//	                                  the owner; otherwise an orphan, held
//	no       no        any            none
//
// A resource that Git says was called otherwise before is compared as if it had been where it is now,
// and is moved; see takeOver.
//
// What is desired of an owner in Broken, and what lies in a place in Unseen, is left alone, as is
// what belongs to an owner that is absent and that no commit removed. An owner whose definitions
// can't be meant (a reference to nothing, in a circle, or to another tenant; an unknown kind or
// attribute) is added to Broken, so that it stops nobody else.
//
// An error means that the snapshot has no meaning as a whole: two resources with one address in
// Desired or in Applied, or kinds that use one another in a circle.
func Compute(s Snapshot) (Changeset, error) {
	s, waived := waive(s)
	c, err := newComparison(s)
	if err != nil {
		return Changeset{}, err
	}
	c.breakOwners()
	c.takeOver()
	for i := range c.nodes {
		if n := &c.nodes[i]; !c.isBroken(n.want.Address.Owner) {
			c.foresee(n.want.Address)
		}
	}
	c.compareUndesired()
	c.awaitOthers()
	c.holdInUse()
	approval := c.holdDestruction()
	changes := order(c.changes, c.needs())
	holdWaiting(changes)
	for i := range changes {
		k := c.kinds[changes[i].Address.Kind]
		changes[i].HoldsData = k != nil && k.DataBearing
	}

	out := Changeset{
		Fleet: s.Fleet, Commit: s.Commit, Changes: changes, Approval: approval,
		Unseen: c.unseen(), Broken: c.brokenOwners(), Abandoned: c.abandoned, Unchanged: c.unchanged, Waived: waived,
	}
	out.Digest, out.Again = digest(out), again(changes)
	return out, nil
}

// A comparison is the state of one Compute: the snapshot, indexed, and what was found so far.
type comparison struct {
	Snapshot
	kinds    map[string]*kind
	nodes    []node                     // all that is desired
	desired  map[resource.Address]*node // of owners that aren't broken, once breakOwners ran
	applied  map[resource.Address]*resource.Desired
	observed map[resource.Address]*resource.Observed
	doubles  map[resource.Address][]*resource.Observed // addresses that several resources carry
	present  map[resource.Owner]bool                   // owners with anything in Desired, broken or not
	broken   map[resource.Owner]string
	cells    cells

	claimed   map[resource.Address]resource.Address // by an earlier address, that of now
	moved     map[resource.Address]resource.Address // by the address of now, the earlier one that the cloud has
	clashes   map[resource.Address]string           // by the address of now, why nothing can be moved there
	settledBy map[resource.Address]resource.Owner   // whose applied state a moved resource has, if another's
	abandoned []Abandoned

	foreseen  map[resource.Address]outlook // of what isn't desired and is referred to
	changes   []Change
	unchanged int
	unknown   map[Place]string // places that hold kinds which this version doesn't know
}

// A node is a desired resource with what was found out about it.
type node struct {
	want    *resource.Desired
	refs    []resource.Ref
	seen    bool // the outlook is known
	outlook outlook
}

func (c *comparison) isBroken(owner resource.Owner) bool {
	_, broken := c.broken[owner]
	return broken
}

// refsOf are the references of a desired resource.
func (c *comparison) refsOf(address resource.Address) []resource.Ref {
	if n := c.desired[address]; n != nil {
		return n.refs
	}
	return nil
}

// A kind is a resource.Kind made ready for many comparisons.
type kind struct {
	resource.Kind
	attributes []attribute // sorted by name
	index      map[string]int
	uses       map[string]bool
}

type attribute struct {
	resource.Attribute
	absent resource.Value                    // what counts when nothing is said: the default in its compared form
	known  map[resource.Value]resource.Value // compared forms that took work to find
}

// normal is Normal, remembered.
func (a *attribute) normal(v resource.Value) resource.Value {
	if !v.IsSet() {
		return a.absent
	}
	if !a.Set && a.Canonical == nil {
		return a.Normal(v)
	}
	out, done := a.known[v]
	if !done {
		out = a.Normal(v)
		a.known[v], a.known[out] = out, out // it is idempotent
	}
	return out
}

func newKind(k resource.Kind) *kind {
	out := &kind{Kind: k, index: map[string]int{}, uses: map[string]bool{}}
	for _, a := range k.Attributes {
		out.attributes = append(out.attributes, attribute{a, a.Normal(resource.Value{}), map[resource.Value]resource.Value{}})
	}
	slices.SortFunc(out.attributes, func(a, b attribute) int { return cmp.Compare(a.Name, b.Name) })
	for i, a := range out.attributes {
		out.index[a.Name] = i
	}
	for _, used := range k.Uses {
		out.uses[used] = true
	}
	return out
}

func newComparison(s Snapshot) (*comparison, error) {
	c := &comparison{
		Snapshot: s,
		kinds:    make(map[string]*kind, len(s.Kinds)),
		present:  map[resource.Owner]bool{},
		broken:   make(map[resource.Owner]string, len(s.Broken)),
		foreseen: map[resource.Address]outlook{},
		nodes:    make([]node, len(s.Desired)),
		desired:  make(map[resource.Address]*node, len(s.Desired)),
		unknown:  map[Place]string{},

		claimed:   map[resource.Address]resource.Address{},
		moved:     map[resource.Address]resource.Address{},
		clashes:   map[resource.Address]string{},
		settledBy: map[resource.Address]resource.Owner{},
	}
	c.abandon()
	for name, k := range s.Kinds {
		c.kinds[name] = newKind(k)
	}
	if err := refuseCircularKinds(c.kinds); err != nil {
		return nil, err
	}
	if err := c.indexDesired(); err != nil {
		return nil, err
	}
	maps.Copy(c.broken, s.Broken)
	c.indexObserved()
	c.cells = newCells(s)
	return c, nil
}

func (c *comparison) indexDesired() error {
	for i := range c.Desired {
		d := &c.Desired[i]
		if c.desired[d.Address] != nil {
			return fmt.Errorf("%s is desired twice", d.Address)
		}
		c.nodes[i].want = d
		c.desired[d.Address] = &c.nodes[i]
		c.present[d.Address.Owner] = true
	}
	c.applied = make(map[resource.Address]*resource.Desired, len(c.Applied))
	for i := range c.Applied {
		d := &c.Applied[i]
		if c.applied[d.Address] != nil {
			return fmt.Errorf("%s is applied twice", d.Address)
		}
		c.applied[d.Address] = d
	}
	return nil
}

func (c *comparison) indexObserved() {
	c.observed = make(map[resource.Address]*resource.Observed, len(c.Observed))
	c.doubles = map[resource.Address][]*resource.Observed{}
	for i := range c.Observed {
		o := &c.Observed[i]
		first, double := c.observed[o.Address]
		if !double {
			c.observed[o.Address] = o
			continue
		}
		if c.doubles[o.Address] == nil {
			c.doubles[o.Address] = []*resource.Observed{first}
		}
		c.doubles[o.Address] = append(c.doubles[o.Address], o)
	}
	for address, list := range c.doubles {
		slices.SortFunc(list, func(a, b *resource.Observed) int {
			return cmp.Or(a.Scope.Compare(b.Scope), cmp.Compare(a.ID, b.ID))
		})
		c.observed[address] = list[0]
	}
}

// blind tells why a place couldn't be read; false if it could.
func (c *comparison) blind(scope resource.Scope, kind string) (string, bool) {
	if why, lost := c.Lost[scope.Account]; lost {
		return fmt.Sprintf("account %s is lost: %s", scope.Account, why), true
	}
	if len(c.Snapshot.Unseen) == 0 {
		return "", false
	}
	if why, ok := c.Snapshot.Unseen[Place{Scope: scope}]; ok {
		return fmt.Sprintf("%s couldn't be read: %s", scope, why), true
	}
	why, ok := c.Snapshot.Unseen[Place{Scope: scope, Kind: kind}]
	return fmt.Sprintf("%s in %s couldn't be read: %s", kind, scope, why), ok
}

func (c *comparison) unseen() []Unseen {
	var list []Unseen
	for place, why := range c.Snapshot.Unseen {
		list = append(list, Unseen{Place: place, Error: why})
	}
	for place, why := range c.unknown {
		if _, already := c.Snapshot.Unseen[place]; !already {
			list = append(list, Unseen{Place: place, Error: why})
		}
	}
	slices.SortFunc(list, func(a, b Unseen) int {
		return cmp.Or(a.Scope.Compare(b.Scope), cmp.Compare(a.Kind, b.Kind))
	})
	return list
}

func (c *comparison) brokenOwners() []Broken {
	var list []Broken
	for owner, why := range c.broken {
		list = append(list, Broken{Owner: owner, Error: why})
	}
	slices.SortFunc(list, func(a, b Broken) int { return cmp.Compare(a.Owner, b.Owner) })
	return list
}
