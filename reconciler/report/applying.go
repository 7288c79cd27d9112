package report

import (
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// Applying reports on a result that is still in the making: a title of one line, such as
// "Applying: 12 of 40 done, 1 waits for the cloud", and Markdown that is shorter than 60,000 bytes. What is held
// is none of the 40.
func Applying(r Result) (title, markdown string) {
	done := doneOf(r)
	title = done.title()
	p := &page{tail: appliedTail(r)}
	p.write("**" + prose(title) + "**\n\n")
	p.section(underWay(r))
	p.section(outcomes(r, "### Failed\n\n", 20_000, changeset.Failed, changeset.Unsure))
	p.section(outcomes(r, "### Not done, because of these\n\n", 8_000, changeset.Blocked))
	p.section(done.table())
	return title, p.String()
}

// headway counts what is done of a result, as a whole and by owner.
type headway struct {
	of, done, waits, failed, held int
	byOwner                       map[resource.Owner]*headway
}

// doneOf counts the changes that were planned, and those that came after.
func doneOf(r Result) *headway {
	all := &headway{byOwner: map[resource.Owner]*headway{}}
	counted := map[resource.Address]bool{}
	for _, o := range r.Outcomes {
		counted[o.Address] = true
		all.count(o.Address.Owner, o.Result)
	}
	for _, c := range r.Planned.Changes {
		if c.Hold == "" && !counted[c.Address] {
			all.count(c.Address.Owner, "")
		}
	}
	return all
}

// count counts one change with its result; empty if it has none yet.
func (t *headway) count(owner resource.Owner, result changeset.Result) {
	if result == changeset.Held {
		t.held++
		return
	}
	if t.byOwner != nil {
		if t.byOwner[owner] == nil {
			t.byOwner[owner] = &headway{}
		}
		t.byOwner[owner].count(owner, result)
	}
	t.of++
	switch result {
	case changeset.Applied, changeset.Unchanged:
		t.done++
	case changeset.Waiting:
		t.waits++
	case changeset.Failed, changeset.Unsure, changeset.Blocked:
		t.failed++
	}
}

func (t *headway) title() string {
	parts := []string{fmt.Sprintf("Applying: %d of %d done", t.done, t.of)}
	switch {
	case t.waits == 1:
		parts = append(parts, "1 waits for the cloud")
	case t.waits > 1:
		parts = append(parts, fmt.Sprintf("%d wait for the cloud", t.waits))
	}
	if t.failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", t.failed))
	}
	if t.held > 0 {
		parts = append(parts, fmt.Sprintf("%d held", t.held))
	}
	return strings.Join(parts, ", ")
}

// table has the owners of which something is still to be done.
func (t *headway) table() section {
	s := section{head: "### Still to be done\n\n" + table([]string{"Whose", "Done", "Of"}, nil), foot: "\n", noun: "owner", most: 6_000}
	var owners []resource.Owner
	for owner, of := range t.byOwner {
		if of.done < of.of {
			owners = append(owners, owner)
		}
	}
	slices.Sort(owners)
	for _, owner := range owners {
		s.items = append(s.items, fmt.Sprintf("| %s | %d | %d |\n", code(string(owner)), t.byOwner[owner].done, t.byOwner[owner].of))
	}
	return s
}

// Deployed is how a result stands in one environment, in two words for the forge: the state of its deployment
// ("success", "in_progress" or "failure"), and one line of text.
func Deployed(r Result) (state, text string) {
	by := resultsOf(r.Outcomes)
	switch {
	case r.Converged && by[changeset.Applied] == 0:
		return "success", "As Git wants it, and seen so in the cloud"
	case r.Converged:
		return "success", count(by[changeset.Applied], "change") + " made, and seen in the cloud as Git wants it"
	case r.Underway:
		return "in_progress", strings.TrimPrefix(doneOf(r).title(), "Applying: ")
	}
	why := reason(r)
	r.Converged = why != "" // then that says it all
	return "failure", appliedTitle(r) + why
}

// reason is the first of the reasons for which not all is done.
func reason(r Result) string {
	for _, result := range []changeset.Result{changeset.Failed, changeset.Unsure, changeset.Held, changeset.Skipped, changeset.Blocked} {
		for _, o := range r.Outcomes {
			if o.Result == result {
				return fmt.Sprintf(": %s %s: %s", o.Action, o.Address, o.Detail)
			}
		}
	}
	for _, u := range r.Unseen {
		return ": " + place(u.Place) + ": " + u.Error
	}
	for _, b := range r.Broken {
		return ": " + string(b.Owner) + ": " + b.Error
	}
	return ""
}
