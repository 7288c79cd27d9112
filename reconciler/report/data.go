package report

import (
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// This file says what becomes of data, before anything else is said of a changeset.

// A fate is what becomes of the data of one owner's resources.
type fate struct {
	owner     resource.Owner
	resources []string // kind and name
	what      string   // "to be retired: taken out of service, the data is kept"
	short     string   // "to be retired", for a title
}

// fates are what becomes of resources that hold data and would be retired or replaced because of Git
// or because drift is corrected, by owner, in the order of the changes. What only carries a mark
// that nobody knows of stays as it is in any case.
func fates(c changeset.Changeset) []fate {
	var list []fate
	for _, g := range byOwner(c.Changes) {
		for _, change := range g.changes {
			grave := change.Action == changeset.Retire || change.Action == changeset.Replace
			if !change.HoldsData || !grave || change.Cause == changeset.Orphan {
				continue
			}
			f := fateOf(change)
			at := slices.IndexFunc(list, func(other fate) bool { return other.owner == f.owner && other.what == f.what })
			if at < 0 {
				list, at = append(list, f), len(list)
			}
			list[at].resources = append(list[at].resources, local(change.Address))
		}
	}
	return list
}

func fateOf(change changeset.Change) fate {
	f := fate{owner: change.Address.Owner}
	held := "held, so that it stays as it is"
	if change.HoldKind == changeset.HoldLimit {
		held = "held by a limit, so that it stays in service until that is approved"
	}
	switch {
	case change.Action == changeset.Replace:
		f.short = "kept from being replaced"
		f.what = fmt.Sprintf("would be replaced by an empty one, as %s can't be changed in place; %s", strings.Join(change.Replacing, ", "), held)
		if change.Hold == "" {
			f.short, f.what = "to be replaced", "to be replaced by an empty one: the data is LOST"
		}
	case change.Hold != "":
		f.short, f.what = "kept from being retired", "would be retired; "+held
	default:
		f.short, f.what = "to be retired", "to be retired: taken out of service, the data is kept"
	}
	return f
}

// dataTitle says in a few words whose data is concerned and how; empty if nobody's is.
func dataTitle(list []fate) string {
	owners, by := map[resource.Owner]bool{}, map[string]int{}
	for _, f := range list {
		owners[f.owner] = true
		by[f.short] += len(f.resources)
	}
	if len(list) == 0 {
		return ""
	}
	var parts []string
	for _, short := range []string{"to be replaced", "to be retired", "kept from being replaced", "kept from being retired"} {
		if by[short] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", by[short], short))
		}
	}
	whose := count(len(owners), "owner")
	if only, one := soleOwner(owners); one {
		whose = string(only)
	} else if !slices.ContainsFunc(list, func(f fate) bool { return f.owner.Class() != "tenant" }) {
		whose = count(len(owners), "tenant")
	}
	return fmt.Sprintf("Data of %s: %s", whose, strings.Join(parts, ", "))
}

func soleOwner(owners map[resource.Owner]bool) (resource.Owner, bool) {
	for owner := range owners {
		return owner, len(owners) == 1
	}
	return "", false
}

// line is a fate in one line of prose.
func (f fate) line() string {
	const most = 6
	names := strings.Join(f.resources[:min(most, len(f.resources))], ", ")
	if more := len(f.resources) - most; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s: %s: %s", f.owner, names, f.what)
}

// data puts what becomes of data before the rest of a plan in a terminal.
func (t *terminal) data(c changeset.Changeset) {
	const most = 20
	list := fates(c)
	if len(list) == 0 {
		return
	}
	t.line(red, "%s", dataTitle(list))
	for _, f := range list[:min(most, len(list))] {
		t.line(yellow, "  %s", f.line())
	}
	if more := len(list) - most; more > 0 {
		t.line(yellow, "  and of %s", count(more, "more owner"))
	}
	t.line("", "")
}

// dataSection is what becomes of data, for the head of a page.
func dataSection(c changeset.Changeset) section {
	list := fates(c)
	s := section{noun: "owner", most: 8_000}
	for _, f := range list {
		s.items = append(s.items, "- "+prose(f.line())+"\n")
	}
	if len(s.items) > 0 {
		s.head, s.foot = "**"+prose(dataTitle(list))+"**\n\n", "\n"
	}
	return s
}
