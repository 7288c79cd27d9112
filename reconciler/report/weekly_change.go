package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// changed has what changed, who let it in, and for whom it was.
func (k week) changed(p *page) {
	p.section(passages(k.Passages, "### What changed, and who let it in\n\n", 9_000))
	p.write(unasked(k.Passages))
	p.section(k.pushed())
	p.section(k.forWhom())
	p.section(k.by("### By plan\n\n", "Plan", k.planOf))
	p.section(k.by("### By cell\n\n", "Cell", k.cellOf))
	p.section(k.byDay())
}

// pushed lists the commits that something was written for and that came with no pull request.
func (k week) pushed() section {
	s := section{noun: "commit", most: 3_000, foot: "\n"}
	s.head = "### Written for commits without a pull request\n\n" + table([]string{"Commit", "Added", "Changed", "Destroyed", "Retired", "Failed", "Caused by"}, nil)
	came, actors := cameWith(k.Passages), k.actors()
	keys, by := tallies(slices.DeleteFunc(slices.Clone(k.writes), func(w write) bool { return w.entry.Cause == changeset.Drift }), commitOf)
	for _, commit := range keys {
		if came[commit] == "" {
			s.items = append(s.items, fmt.Sprintf("| %s | %s | %s |\n", code(shortID(commit)), by[commit].cells(), code(strings.Join(actors[commit], ", "))))
		}
	}
	return s
}

// forWhom counts the writes of each owner, with its plan and cell, and the pull requests that they came with. Those
// with the most come first.
func (k week) forWhom() section {
	s := section{noun: "owner", most: 8_000, foot: "\n"}
	s.head = "### For whom\n\n" + table([]string{"Whose", "Plan", "Cell", "Added", "Changed", "Destroyed", "Retired", "Failed", "With"}, nil)
	keys, by := tallies(k.writes, ownerOf)
	n := map[resource.Owner]int{}
	with := map[resource.Owner][]string{}
	came := cameWith(k.Passages)
	for _, w := range k.writes {
		owner := w.entry.Address.Owner
		n[owner]++
		pulls := came[w.entry.Commit]
		if w.entry.Cause == changeset.Drift {
			pulls = "drift put back"
		}
		if pulls != "" && !slices.Contains(with[owner], pulls) {
			with[owner] = append(with[owner], pulls)
		}
	}
	slices.SortStableFunc(keys, func(a, b resource.Owner) int { return cmp.Compare(n[b], n[a]) })
	for _, owner := range keys {
		home := k.Homes[owner]
		s.items = append(s.items, fmt.Sprintf("| %s | %s | %s | %s | %s |\n", code(string(owner)), code(home.Plan), code(cmp.Or(home.Cell, cellName(owner))),
			by[owner].cells(), cut(strings.Join(with[owner], ", "), 120)))
	}
	return s
}

// by counts the writes by what a key says of each.
func (k week) by(head, column string, key func(changeset.Entry) string) section {
	s := section{noun: "row", most: 2_500, foot: "\n"}
	s.head = head + table([]string{column, "Added", "Changed", "Destroyed", "Retired", "Failed"}, nil)
	keys, by := tallies(k.writes, key)
	for _, name := range keys {
		s.items = append(s.items, fmt.Sprintf("| %s | %s |\n", cmp.Or(code(name), "none"), by[name].cells()))
	}
	return s
}

func (k week) planOf(e changeset.Entry) string { return k.Homes[e.Address.Owner].Plan }

func (k week) cellOf(e changeset.Entry) string {
	return cmp.Or(e.Cell, k.Homes[e.Address.Owner].Cell, cellName(e.Address.Owner))
}

func cellName(owner resource.Owner) string {
	if owner.Class() == "cell" {
		return owner.Name()
	}
	return ""
}

func dayOf(e changeset.Entry) string { return day(e.Time) }

// byDay counts the writes of each day on which there were any.
func (k week) byDay() section {
	s := k.by("### By day\n\n", "Day", dayOf)
	s.noun = "day"
	return s
}

// arrived says how long the pull requests took from their merge until all of them was seen in the cloud.
func (k week) arrived() section {
	s := section{noun: "pull request", most: 4_000, foot: "\n"}
	list := k.journeys()
	if len(list) == 0 {
		return s
	}
	took := make([]time.Duration, len(list))
	for i, j := range list {
		took[i] = j.took
	}
	s.head = fmt.Sprintf("### From merge to cloud\n\n%s arrived, %s.\n\n", count(len(list), "pull request"), halves(took)) +
		table([]string{"Pull request", "Merged", "Seen in the cloud", "Took"}, nil)
	for _, j := range list {
		s.items = append(s.items, fmt.Sprintf("| %s | %s | %s | %s |\n", j.name(), moment(j.Merged), moment(j.arrived), long(j.took)))
	}
	return s
}

// A journey is a pull request that all of was seen in the cloud.
type journey struct {
	Passage
	arrived time.Time
	took    time.Duration
}

// journeys are those of people's pull requests, the slowest first.
func (k week) journeys() []journey {
	at := map[string]time.Time{}
	for _, a := range k.Arrivals {
		if before, known := at[a.Commit]; !known || a.At.Before(before) {
			at[a.Commit] = a.At
		}
	}
	var list []journey
	for _, p := range k.theirs() {
		if arrived, ok := at[p.Commit]; ok && p.Commit != "" && !arrived.Before(p.Merged) {
			list = append(list, journey{p, arrived, arrived.Sub(p.Merged)})
		}
	}
	slices.SortStableFunc(list, func(a, b journey) int { return cmp.Compare(b.took, a.took) })
	return list
}
