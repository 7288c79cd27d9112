package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// DriftTitle is what a cause is called: how grave it is, what differs, where, and who wrote to that if the cloud told.
func DriftTitle(cause Cause, deeds map[resource.Address][]Deed) string {
	level, _ := cause.Severity()
	title := fmt.Sprintf("%s (%s): %s", nature(cause), level, headline(cause))
	if names := doers(cause, deeds); len(names) > 0 {
		title += ", by " + names[0]
		if more := len(names) - 1; more > 0 {
			title += fmt.Sprintf(" and %s", count(more, "other"))
		}
	}
	return visible(cut(title, 200))
}

func nature(cause Cause) string {
	switch cause.Sort {
	case Stray:
		return "Orphan"
	case Duplicate:
		return "Duplicate"
	case Absent:
		return "Absent"
	}
	return "Drift"
}

// headline says what differs, and where.
func headline(cause Cause) string {
	kind := cause.Kind
	switch {
	case cause.Sort == Absent:
		return fmt.Sprintf("%s is not in Git and still has %s", cause.Changes[0].Address.Owner, count(len(cause.Changes), "resource"))
	case cause.Sort == Stray:
		return fmt.Sprintf("%s that Git doesn't know, on %s", kind, where(cause))
	case cause.Sort == Duplicate:
		return fmt.Sprintf("%s with one address twice, on %s", kind, where(cause))
	case kind == "":
		kind = "several kinds"
	}
	switch cause.Sort {
	case Missing:
		return fmt.Sprintf("%s deleted on %s", kind, where(cause))
	case Mixed:
		return fmt.Sprintf("%s changed or deleted on %s", kind, where(cause))
	}
	return fmt.Sprintf("%s of %s changed on %s", cut(strings.Join(cause.Paths, ", "), 80), kind, where(cause))
}

// where says whose resources a cause is about, such as "12 tenants" or "3 resources of tenant/acme".
func where(cause Cause) string {
	owners := map[resource.Owner]int{}
	classes := map[string]int{}
	for _, change := range cause.Changes {
		if owners[change.Address.Owner]++; owners[change.Address.Owner] == 1 {
			classes[change.Address.Owner.Class()]++
		}
	}
	var names []string
	for _, class := range []string{"tenant", "cell"} {
		if n := classes[class]; n > 0 {
			names = append(names, count(n, class))
		}
	}
	if rest := len(owners) - classes["tenant"] - classes["cell"]; rest > 0 {
		names = append(names, "the fleet")
	}
	whose := strings.Join(names, " and ")
	if len(owners) == 1 {
		whose = string(cause.Changes[0].Address.Owner)
	}
	if len(cause.Changes) == len(owners) {
		return whose
	}
	return count(len(cause.Changes), "resource") + " of " + whose
}

// Who are the ARNs of those who wrote to what differs last, as far as the cloud told, sorted.
func Who(cause Cause, deeds map[resource.Address][]Deed) []string {
	var who []string
	for _, d := range latestDeeds(cause, deeds) {
		who = append(who, d.By)
	}
	slices.Sort(who)
	return slices.Compact(who)
}

// doers are the short names of those who wrote last.
func doers(cause Cause, deeds map[resource.Address][]Deed) []string {
	var list []string
	for _, d := range latestDeeds(cause, deeds) {
		list = append(list, cut(calm(person(d.By, d.Session)), 60))
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(name string) bool { return name == "" })
}

// calm leaves of a name what people's names are made of, so that in a title or a commit's message it mentions
// nobody and refers to nothing: an @ stays within an address of mail only.
func calm(name string) string {
	var b strings.Builder
	var before rune
	for _, r := range name {
		word := unicode.IsLetter(r) || unicode.IsDigit(r)
		if word || strings.ContainsRune("._+=,-", r) || r == '@' && (unicode.IsLetter(before) || unicode.IsDigit(before)) {
			b.WriteRune(r)
		}
		before = r
	}
	return b.String()
}

// latestDeeds are the newest writes to what a cause is about, one of each resource.
func latestDeeds(cause Cause, deeds map[resource.Address][]Deed) []Deed {
	var list []Deed
	for _, change := range cause.Changes {
		if d, ok := last(deeds[change.Address]); ok {
			list = append(list, d)
		}
	}
	return list
}

// byWhom says in a sentence who wrote to what differs, or that nobody knows.
func byWhom(cause Cause, o DriftOptions) string {
	list := latestDeeds(cause, o.Deeds)
	if len(list) == 0 {
		return "Nobody is known to have done it: no event told of a write."
	}
	first, final := list[0].At, list[0].At
	var calls, from []string
	for _, d := range list {
		if d.At.Before(first) {
			first = d.At
		}
		if d.At.After(final) {
			final = d.At
		}
		calls, from = append(calls, d.Action), append(from, d.From)
	}
	when := "at " + minute(first)
	if minute(first) != minute(final) {
		when = "between " + minute(first) + " and " + minute(final)
	}
	text := fmt.Sprintf("By %s, %s, with %s", people(Who(cause, o.Deeds)), when, someOf(calls, 3))
	if places := someOf(from, 2); places != "" {
		text += " from " + places
	}
	if rest := len(cause.Changes) - len(list); rest > 0 {
		text += fmt.Sprintf(", as CloudTrail logged of %d of %s.", len(list), count(len(cause.Changes), "resource"))
	} else {
		text += ", as CloudTrail logged."
	}
	return text + " That is the last write to each; it needn't be what made the difference."
}

// people names a few of those who did something.
func people(arns []string) string { return someOf(arns, 3) }

// someOf lists some of the different texts, as code, and how many more there are.
func someOf(texts []string, most int) string {
	texts = slices.Clone(texts)
	slices.Sort(texts)
	texts = slices.DeleteFunc(slices.Compact(texts), func(text string) bool { return text == "" })
	var shown []string
	for _, text := range texts[:min(len(texts), most)] {
		shown = append(shown, code(cut(text, 160)))
	}
	if more := len(texts) - most; more > 0 {
		shown = append(shown, fmt.Sprintf("%d more", more))
	}
	return strings.Join(shown, ", ")
}

// sign is a sign for a severity, to be seen in a list.
func sign(level string) string {
	switch level {
	case "high":
		return "🔴"
	case "medium":
		return "🟠"
	}
	return "🟡"
}

// minute is a time to the minute; empty if it isn't known.
func minute(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// rfc3339 is a time for programs; empty if it isn't known.
func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// inPlace tells whether putting Git's value back changes a resource in place, as the table of differences shows.
func inPlace(change changeset.Change) bool {
	return (change.Hold == "" || change.HoldKind == changeset.HoldDrift) && change.Action == changeset.Update
}
