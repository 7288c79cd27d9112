package changeset

import (
	"cmp"
	"slices"

	"tenantry.dev/reconciler/resource"
)

// goes tells whether the action takes a resource away, at once or for good.
func (a Action) goes() bool { return a == Delete || a == Retire }

// needs fills in what every change needs of the others. Creating and changing goes with the
// references, what is referred to first. Taking away goes against them, users first: those that
// were known to refer to it, and those of the same owner whose kind uses its kind.
func (c *comparison) needs() [][]resource.Address {
	index := make(map[resource.Address]int, len(c.changes))
	for i := range c.changes {
		index[c.changes[i].Address] = i
	}
	needs := make([][]resource.Address, len(c.changes))
	for i := range c.changes {
		change := &c.changes[i]
		if change.Want == nil {
			continue
		}
		for _, ref := range c.refsOf(change.Address) {
			if j, ok := index[ref.Address]; ok && c.firstNeeded(change, &c.changes[j]) {
				needs[i] = append(needs[i], ref.Address)
			}
		}
	}
	if slices.ContainsFunc(c.changes, func(change Change) bool { return change.Action.goes() }) {
		c.usersByReference(index, needs)
		c.usersByKind(needs)
	}
	for i := range needs {
		slices.SortFunc(needs[i], resource.Address.Compare)
		needs[i] = slices.Compact(needs[i])
	}
	return needs
}

// firstNeeded tells whether a change needs that of what it refers to. What is held and yet there,
// such as drift, keeps nobody waiting.
func (c *comparison) firstNeeded(change, target *Change) bool {
	if target.Action.goes() || target.Action == None {
		return false
	}
	if target.Hold == "" {
		return true
	}
	return slices.ContainsFunc(change.Want.Attributes.Refs(), func(ref resource.Ref) bool { return ref.Address == target.Address })
}

// usersByReference adds, to what goes, the changes of those that referred to it when last applied.
func (c *comparison) usersByReference(index map[resource.Address]int, needs [][]resource.Address) {
	for i := range c.Applied {
		user := &c.Applied[i]
		if _, changes := index[user.Address]; !changes {
			continue
		}
		for _, ref := range user.Attributes.Refs() {
			if j, ok := index[ref.Address]; ok && c.changes[j].Action.goes() && ref.Address != user.Address {
				needs[j] = append(needs[j], user.Address)
			}
		}
	}
}

// usersByKind adds, to what goes, those of the same owner whose kind uses its kind: the ones that
// go as well, and, if nobody knows what the owner had, the ones that change. What is held because
// nobody knows whose it is keeps nothing waiting.
func (c *comparison) usersByKind(needs [][]resource.Address) {
	users := map[resource.Owner][]int{}
	for i := range c.changes {
		change := &c.changes[i]
		stray := change.HoldKind == HoldOrphan || change.HoldKind == HoldNotInGit || change.HoldKind == HoldDouble
		if !stray && change.Action != Create && (change.Action.goes() || c.settledTo(change.Address) == nil) {
			users[change.Address.Owner] = append(users[change.Address.Owner], i)
		}
	}
	for j := range c.changes {
		going := &c.changes[j]
		if !going.Action.goes() {
			continue
		}
		for _, i := range users[going.Address.Owner] {
			user := &c.changes[i]
			if c.kinds[user.Address.Kind].uses[going.Address.Kind] {
				needs[j] = append(needs[j], user.Address)
			}
		}
	}
}

// order sorts the changes so that each comes after what it needs, by address where that leaves a
// choice, and what goes last. It drops needs that go round in a circle, which can be only where
// kinds and references disagree, and notes the others in the changes.
func order(changes []Change, needs [][]resource.Address) []Change {
	index := make(map[resource.Address]int, len(changes))
	first := make([]int, len(changes))
	for i := range changes {
		index[changes[i].Address] = i
		first[i] = i
	}
	slices.SortFunc(first, func(i, j int) int {
		a, b := &changes[i], &changes[j]
		return cmp.Or(cmp.Compare(late(a), late(b)), a.Address.Compare(b.Address))
	})
	const under, done = 1, 2
	state := make([]uint8, len(changes))
	sorted := make([]Change, 0, len(changes))
	var visit func(i int)
	visit = func(i int) {
		state[i] = under
		for _, need := range needs[i] {
			j := index[need]
			if state[j] == 0 {
				visit(j)
			}
			if state[j] == done {
				changes[i].Needs = append(changes[i].Needs, need)
			}
		}
		state[i] = done
		sorted = append(sorted, changes[i])
	}
	for _, i := range first {
		if state[i] == 0 {
			visit(i)
		}
	}
	return sorted
}

func late(c *Change) int {
	if c.Action.goes() {
		return 1
	}
	return 0
}

// holdWaiting holds the changes that need one that is held. The changes are in order.
func holdWaiting(changes []Change) {
	held := map[resource.Address]string{}
	for i := range changes {
		change := &changes[i]
		for _, need := range change.Needs {
			switch {
			case held[need] == "" || change.Hold != "":
			case held[need] == HoldPending:
				change.Hold, change.HoldKind = "waits for "+need.String()+", which the cloud is still busy with", HoldPending
			default:
				change.Hold, change.HoldKind = "waits for "+need.String()+", which is held", HoldWaits
			}
		}
		if change.Hold != "" {
			held[change.Address] = change.HoldKind
		}
	}
}
