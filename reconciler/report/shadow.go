package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A Side is what one commit says of the tenants.
type Side struct {
	Desired map[resource.Owner][]resource.Desired
	// Broken has who can't be rendered, or is held by a policy, with the reason.
	Broken map[resource.Owner]string
	// Own has what in a tenant's values is its own, with the word that stands for it, as in
	// "acme" → "‹tenant›". Values that differ in these alone are taken for equal.
	Own map[resource.Owner]map[string]string
}

// ShadowOptions say what changed, and whom to look at.
type ShadowOptions struct {
	Files   []string // what changed of what tenants share, sorted; empty if that isn't known
	Against string   // what it is compared with, in a person's words
	// Tenants are those whom the change may concern. Edited has those of them whose own definition
	// changed too: what becomes of them is no consequence of what they share alone.
	Tenants []resource.Owner
	Edited  map[resource.Owner]bool
	// Kinds tell what holds data and what can't be changed in place. A kind that isn't there is taken
	// to hold none, and to be changeable.
	Kinds map[string]resource.Kind
}

// A Shadow says what a change to something that tenants share does to each of them, equal
// consequences once. It compares Git with Git, and says nothing of the cloud.
type Shadow struct {
	Files     []string
	Against   string
	Tenants   int // that were looked at on both sides
	Unchanged int
	Edited    int           // whose own definition changed too; they are in no group
	Groups    []ShadowGroup // the largest first
}

// A ShadowGroup is the tenants for whom the change has one and the same consequence.
type ShadowGroup struct {
	Tenants []resource.Owner // sorted
	// Effects are the consequence, with words for what is each tenant's own. Example is that of the
	// first tenant as it is.
	Effects, Example []Effect
	Broken           string // why their definitions can't be used any more; empty if they can
	Mended           bool   // they could not be used before
	Unusual          bool   // few against the largest group; see unusual
}

// An Effect is what becomes of one resource.
type Effect struct {
	Action     changeset.Action
	Kind, Name string
	Attributes []changeset.Difference // sorted by path
	Replacing  []string               // the paths that can't be changed in place
	HoldsData  bool                   // the kind does
}

// NewShadow evaluates nothing: it compares two renderings and groups what differs.
func NewShadow(before, after Side, o ShadowOptions) Shadow {
	s := Shadow{Files: o.Files, Against: o.Against}
	groups := map[string]*ShadowGroup{}
	tenants := slices.Clone(o.Tenants)
	slices.Sort(tenants)
	for _, tenant := range slices.Compact(tenants) {
		s.Tenants++
		if o.Edited[tenant] {
			s.Edited++
			continue
		}
		g, key := consequence(before, after, tenant, o.Kinds)
		if key == "" {
			s.Unchanged++
			continue
		}
		if groups[key] == nil {
			groups[key] = &g
		}
		groups[key].Tenants = append(groups[key].Tenants, tenant)
	}
	for _, g := range groups {
		s.Groups = append(s.Groups, *g)
	}
	slices.SortFunc(s.Groups, func(a, b ShadowGroup) int {
		return cmp.Or(len(b.Tenants)-len(a.Tenants), cmp.Compare(a.Tenants[0], b.Tenants[0]))
	})
	s.unusual()
	return s
}

// unusual marks the groups that are easily overlooked beside the others: those with at most a tenth of
// the tenants of the largest group, and single tenants beside three or more. Who is broken by the
// change is unusual in any case.
func (s *Shadow) unusual() {
	largest := 0
	for _, g := range s.Groups {
		if g.Broken == "" {
			largest = max(largest, len(g.Tenants))
		}
	}
	for i := range s.Groups {
		few := largest >= 3 && len(s.Groups[i].Tenants) <= max(1, largest/10)
		s.Groups[i].Unusual = few || s.Groups[i].Broken != ""
	}
}

// consequence is what becomes of one tenant, and a key that is the same for equal consequences; empty
// if nothing does.
func consequence(before, after Side, tenant resource.Owner, kinds map[string]resource.Kind) (ShadowGroup, string) {
	was, wasBroken := before.Broken[tenant]
	is, isBroken := after.Broken[tenant]
	switch {
	case isBroken && wasBroken:
		return ShadowGroup{}, ""
	case isBroken:
		reason := general(resource.String(unplaced(is)), after.Own[tenant]).Text()
		return ShadowGroup{Broken: reason}, "broken " + reason
	case wasBroken && was != "":
		return ShadowGroup{Mended: true}, "mended"
	}
	example := effects(before.Desired[tenant], after.Desired[tenant], kinds)
	if len(example) == 0 {
		return ShadowGroup{}, ""
	}
	g := ShadowGroup{Example: example}
	var key strings.Builder
	for _, e := range example {
		e.Attributes = slices.Clone(e.Attributes)
		fmt.Fprintf(&key, "%s %s/%s\n", e.Action, e.Kind, e.Name)
		for i, d := range e.Attributes {
			d.Before, d.After = general(d.Before, before.Own[tenant]), general(d.After, after.Own[tenant])
			e.Attributes[i] = d
			fmt.Fprintf(&key, "%q %s %q %s %q\n", d.Path, secrecy(d.Before), d.Before.Sealed(), secrecy(d.After), d.After.Sealed())
		}
		g.Effects = append(g.Effects, e)
	}
	return g, key.String()
}

func secrecy(v resource.Value) string {
	if v.IsSecret() {
		return "secret"
	}
	return "plain"
}

// unplaced is a finding's message without the place in front of it, which is another for every tenant.
func unplaced(message string) string {
	place, rest, found := strings.Cut(message, ": ")
	if found && strings.Contains(place, ".cue:") {
		return rest
	}
	return message
}

// grave tells whether something is destroyed or taken out of service.
func (g ShadowGroup) grave() bool {
	return slices.ContainsFunc(g.Effects, func(e Effect) bool { return e.Action.Destructive() || e.Action == changeset.Retire })
}

// shown tells whether a group is never folded.
func (g ShadowGroup) shown() bool { return g.Unusual || g.grave() }

// Line is the verdict in one line: "plans/team.cue: 398 tenants unchanged, 30 the same change (logs
// retentionDays 30 → 60), 2 unusual".
func (s Shadow) Line() string {
	parts := []string{count(s.Unchanged, "tenant") + " unchanged"}
	if s.Unchanged == 0 {
		parts[0] = "no tenant unchanged"
	}
	broken, grave, few, mended, usual := 0, 0, 0, 0, 0
	for _, g := range s.Groups {
		n := len(g.Tenants)
		switch {
		case g.Broken != "":
			broken += n
		case g.grave():
			grave += n
		case g.Unusual:
			few += n
		case g.Mended:
			mended += n
		default:
			if usual++; usual <= 3 {
				parts = append(parts, fmt.Sprintf("%d the same change (%s)", n, g.Label()))
			}
		}
	}
	if usual > 3 {
		parts = append(parts, fmt.Sprintf("%d more kinds of change", usual-3))
	}
	for _, p := range []struct {
		n    int
		text string
	}{
		{grave, "with something destroyed, replaced or retired (shown)"},
		{few, "unusual (shown)"},
		{broken, "broken by it (shown)"},
		{mended, "usable again"},
		{s.Edited, "edited themselves"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.text))
		}
	}
	return s.subject() + ": " + strings.Join(parts, ", ")
}

func (s Shadow) subject() string {
	const most = 3
	switch {
	case len(s.Files) == 0:
		return "Against " + s.Against
	case len(s.Files) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(s.Files[:most], ", "), len(s.Files)-most)
	}
	return strings.Join(s.Files, ", ")
}

// Label says a group's consequence in a few words.
func (g ShadowGroup) Label() string {
	const most = 3
	switch {
	case g.Broken != "":
		return cut(g.Broken, 160)
	case g.Mended:
		return "its definitions can be used again"
	}
	var parts []string
	for _, e := range g.Effects {
		if e.Action != changeset.Update {
			text := fmt.Sprintf("%s %s/%s", e.Action, e.Kind, e.Name)
			if e.HoldsData && e.Action == changeset.Replace {
				text += ", which holds data"
			}
			parts = append(parts, text)
			continue
		}
		for _, d := range e.Attributes {
			parts = append(parts, fmt.Sprintf("%s %s %s → %s", e.Name, d.Path, cut(show(d.Before), 40), cut(show(d.After), 40)))
		}
	}
	if more := len(parts) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(parts[:most], "; "), more)
	}
	return strings.Join(parts, "; ")
}

// Tells says whether the shadow is worth showing: somebody was looked at, and it says more than the plan of
// each tenant does.
func (s *Shadow) Tells() bool {
	if s == nil || s.Tenants == 0 {
		return false
	}
	return len(s.Files) > 0 || slices.ContainsFunc(s.Groups, func(g ShadowGroup) bool { return len(g.Tenants) > 1 || g.Broken != "" })
}
