package report

import (
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// mostTitle is how long the title of a check gets, in characters: GitHub shows about as many.
const mostTitle = 250

// Title is the verdict on a changeset for the title of a check: "Plan: 3 to add, 1 to change, 0 to destroy · 2 tenants ·
// +$41/mo · blast radius low". If data is concerned it begins with that instead: "Data of tenant/acme: 1 to be
// retired · 0 to add, 0 to change, 2 to destroy · 1 tenant".
func Title(c changeset.Changeset, f Facts) string {
	text := "Plan: " + Verdict(c, f)
	if data := dataTitle(fates(c)); data != "" {
		text = data + " · " + Verdict(c, f)
	}
	return visible(cut(text, mostTitle))
}

// Line is what a changeset would do in one line: "3 to add, 1 to change, 0 to
// destroy · 2 tenants". It counts what would be done; what is held is counted apart. A replacement
// counts as one to add and one to destroy.
func Line(c changeset.Changeset) string {
	var parts []string
	if ready := c.Ready(); len(ready) > 0 {
		parts = append(parts, counts(ready), owners(ready))
	} else if len(c.Changes) == 0 {
		parts = append(parts, "No changes")
	} else {
		parts = append(parts, "Nothing to do now")
	}
	if held := len(c.Changes) - len(c.Ready()); held > 0 {
		parts = append(parts, fmt.Sprintf("%d held", held))
	}
	if n := len(c.Unseen); n > 0 {
		parts = append(parts, count(n, "place")+" unseen")
	}
	if n := len(c.Broken); n > 0 {
		parts = append(parts, fmt.Sprintf("%d left alone", n))
	}
	if n := len(c.Abandoned); n > 0 {
		parts = append(parts, fmt.Sprintf("%d abandoned", n))
	}
	if n := len(c.Waived); n > 0 {
		parts = append(parts, fmt.Sprintf("%d waived", n))
	}
	return strings.Join(parts, " · ")
}

func counts(changes []changeset.Change) string {
	by := map[changeset.Action]int{}
	for _, change := range changes {
		by[change.Action]++
	}
	text := fmt.Sprintf("%d to add, %d to change, %d to destroy",
		by[changeset.Create]+by[changeset.Replace], by[changeset.Update], by[changeset.Delete]+by[changeset.Replace])
	if n := by[changeset.Retire]; n > 0 {
		text += fmt.Sprintf(", %d to retire", n)
	}
	if n := by[changeset.Adopt]; n > 0 {
		text += fmt.Sprintf(", %d to adopt", n)
	}
	if n := by[changeset.Move]; n > 0 {
		text += fmt.Sprintf(", %d to move", n)
	}
	return text
}

// owners counts whose the changes are: "2 tenants, 1 cell".
func owners(changes []changeset.Change) string {
	seen, by := map[resource.Owner]bool{}, map[string]int{}
	for _, change := range changes {
		if owner := change.Address.Owner; !seen[owner] {
			seen[owner] = true
			by[owner.Class()]++
		}
	}
	var parts []string
	for _, class := range []string{"tenant", "cell"} {
		if by[class] > 0 {
			parts = append(parts, count(by[class], class))
		}
	}
	if by["fleet"] > 0 {
		parts = append(parts, "the fleet")
	}
	return strings.Join(parts, ", ")
}

// A group is the changes of one owner, in the order of their application.
type group struct {
	owner   resource.Owner
	changes []changeset.Change
}

// byOwner groups changes by owner: the fleet, then cells, then tenants, by name.
func byOwner(changes []changeset.Change) []group {
	at := map[resource.Owner]int{}
	var groups []group
	for _, change := range changes {
		i, known := at[change.Address.Owner]
		if !known {
			i = len(groups)
			at[change.Address.Owner] = i
			groups = append(groups, group{owner: change.Address.Owner})
		}
		groups[i].changes = append(groups[i].changes, change)
	}
	rank := map[string]int{"fleet": 0, "cell": 1, "tenant": 2}
	slices.SortFunc(groups, func(a, b group) int {
		if d := rank[a.owner.Class()] - rank[b.owner.Class()]; d != 0 {
			return d
		}
		return strings.Compare(string(a.owner), string(b.owner))
	})
	return groups
}

// local is an address without its owner.
func local(a resource.Address) string { return a.Kind + "/" + a.Name }

// remark says what isn't plain from the action: that it is drift, why it replaces.
func remark(change changeset.Change) string {
	var parts []string
	switch change.Cause {
	case changeset.Drift:
		parts = append(parts, "drift")
	case changeset.Orphan:
		parts = append(parts, "orphan")
	}
	switch change.Action {
	case changeset.Replace:
		parts = append(parts, "replaced, as "+strings.Join(change.Replacing, ", ")+" can't be changed in place")
	case changeset.Retire:
		parts = append(parts, "retired: taken out of service, its data is kept")
	case changeset.Adopt:
		parts = append(parts, "adopts "+change.Want.Adopt)
	case changeset.Move:
		parts = append(parts, "moved: it keeps its name in the cloud, and all that is in it")
	}
	return strings.Join(parts, ", ")
}

// holdOnce is the reason of a hold as it stands beside a change. Limits hold many changes for one
// reason, which is given once, after them.
func holdOnce(change changeset.Change) string {
	if change.HoldKind == changeset.HoldLimit {
		return "a limit, see below"
	}
	return change.Hold
}

// limits are the distinct reasons of holds by limits, sorted.
func limits(changes []changeset.Change) []string {
	var texts []string
	for _, change := range changes {
		if change.HoldKind == changeset.HoldLimit && !slices.Contains(texts, change.Hold) {
			texts = append(texts, change.Hold)
		}
	}
	slices.Sort(texts)
	return texts
}

func place(p changeset.Place) string {
	if p.Kind == "" {
		return p.Scope.String()
	}
	return p.Kind + " in " + p.Scope.String()
}
