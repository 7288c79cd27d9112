package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tenantry.dev/reconciler/resource"
)

// A Permit is something that is allowed for the time being.
type Permit struct {
	Sort   PermitSort
	What   string          // "encryption for the tenant acme", "operator of the cell eu-1 for platform"
	By     string          // who answers for it
	Reason string          //
	Since  time.Time       // when Tenantry first saw it in Git
	Until  time.Time       // zero if it doesn't end by itself
	Origin resource.Origin // its place in Git
}

// A PermitSort is what a permit allows.
type PermitSort string

// The sorts of permits.
const (
	PermitException PermitSort = "exception"       // of a policy
	PermitWaiver    PermitSort = "waiver"          // of drift
	PermitGrant     PermitSort = "grant"           // of access
	PermitEmergency PermitSort = "emergency grant" // of access, taken in an emergency
	PermitApproval  PermitSort = "approval"        // of what a limit would hold
)

// permits are sorted by what has to be looked at first. Each is in one of the lists.
type permits struct {
	ended []Permit // and is still in Git; the one that ended first comes first
	soon  []Permit // by their end
	old   []Permit // the oldest first
	other []Permit // by their end, those without one last
}

func sortPermits(list []Permit, at time.Time) permits {
	var s permits
	for _, x := range list {
		switch {
		case !x.Until.IsZero() && !x.Until.After(at):
			s.ended = append(s.ended, x)
		case !x.Until.IsZero() && x.Until.Sub(at) <= soonEnd:
			s.soon = append(s.soon, x)
		case !x.Since.IsZero() && at.Sub(x.Since) >= oldAge:
			s.old = append(s.old, x)
		default:
			s.other = append(s.other, x)
		}
	}
	byEnd := func(a, b Permit) int {
		if a.Until.IsZero() != b.Until.IsZero() {
			if a.Until.IsZero() {
				return 1
			}
			return -1
		}
		return cmp.Or(a.Until.Compare(b.Until), byName(a, b))
	}
	slices.SortFunc(s.ended, byEnd)
	slices.SortFunc(s.soon, byEnd)
	slices.SortFunc(s.old, func(a, b Permit) int { return cmp.Or(a.Since.Compare(b.Since), byName(a, b)) })
	slices.SortFunc(s.other, byEnd)
	return s
}

func byName(a, b Permit) int {
	return cmp.Or(cmp.Compare(a.Sort, b.Sort), cmp.Compare(a.What, b.What), cmp.Compare(a.By, b.By), cmp.Compare(a.Origin.String(), b.Origin.String()))
}

// urgent counts what ended or ends soon.
func (s permits) urgent() int { return len(s.ended) + len(s.soon) }

func (s permits) all() []Permit { return slices.Concat(s.ended, s.soon, s.old, s.other) }

// first has what a person should look at.
func (s permits) first(at time.Time) section {
	return permitSection("### Exceptions and grants that end soon, or are old\n\n", "\n", 9_000, slices.Concat(s.ended, s.soon, s.old), at)
}

// rest has the others, folded.
func (s permits) rest(at time.Time) section {
	head := fmt.Sprintf("<details><summary>The other exceptions and grants: %d</summary>\n\n", len(s.other))
	return permitSection(head, "\n</details>\n\n", 8_000, s.other, at)
}

func permitSection(head, foot string, most int, list []Permit, at time.Time) section {
	s := section{noun: "row", most: most, foot: foot}
	s.head = head + table([]string{"What", "Of", "Answers for it", "Why", "Known since", "Ends", "Where"}, nil)
	for _, x := range list {
		s.items = append(s.items, fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s |\n", x.Sort, prose(cut(x.What, 200)), prose(cut(x.By, 80)),
			prose(cut(x.Reason, 200)), aged(x.Since, at), ends(x.Until, at), code(x.Origin.String())))
	}
	return s
}

func ends(until, at time.Time) string {
	switch {
	case until.IsZero():
		return "never"
	case !until.After(at):
		return fmt.Sprintf("**ended** %s", day(until))
	case until.Sub(at) < 24*time.Hour:
		return fmt.Sprintf("%s (**within a day**)", day(until))
	}
	return fmt.Sprintf("%s (in %s)", day(until), days(until.Sub(at)))
}
