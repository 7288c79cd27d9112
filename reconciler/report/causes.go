package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// sitting is how long somebody may pause between two writes that still are one thing they did.
const sitting = 30 * time.Minute

// byHand begins the slugs of causes that are what one person did; those of all others begin with a kind, or with
// what is absent.
const byHand = "by_"

// A Known cause is one that people were asked about: its name and what belongs to it stay as they are.
type Known struct {
	Slug    string
	Members []resource.Address
	Open    bool // nobody decided on it yet, so that more may join it
}

// Group groups the changes that no commit asked for by what differs alone, sorted by slug.
func Group(c changeset.Changeset) []Cause { return Causes(c.Changes, nil, nil) }

// Causes groups the changes that no commit asked for by their cause, sorted by slug. Each is in exactly one:
//
//   - in the known one that it is a member of;
//   - else with all others of the same kind with the same attributes, which are in the known cause of that name, or in
//     an open one that has such a member already;
//   - else, if one person made all of those as far as anybody knows, with the others that this person made in the
//     same sitting: in an open one of the same sitting, or in a new one.
//
// What isn't put back when its proposal is closed (strays, duplicates, what is absent from Git) is only ever with
// its like. The order of the arguments doesn't matter, nor does what is learnt about members of known causes.
func Causes(changes []changeset.Change, deeds map[resource.Address][]Deed, known []Known) []Cause {
	s := sorter{deeds: deeds, placed: map[string][]changeset.Change{}, known: map[string]Known{}, member: map[resource.Address]string{}}
	for _, k := range known {
		s.known[k.Slug] = k
		for _, address := range k.Members {
			if other, twice := s.member[address]; !twice || k.Slug < other {
				s.member[address] = k.Slug
			}
		}
	}
	free := map[string][]changeset.Change{}
	for _, change := range byAddress(drifting(changes)) {
		alike := causeOf(change).Slug
		if slug, ok := s.member[change.Address]; ok && (slug == alike || mends(change) && !s.stiff(slug, change)) {
			s.place(slug, change)
		} else {
			free[alike] = append(free[alike], change)
		}
	}
	s.placeAlike(free)
	s.placeSittings(free)
	for alike, list := range free {
		s.place(alike, list...)
	}
	out := make([]Cause, 0, len(s.placed))
	for _, slug := range slices.Sorted(maps.Keys(s.placed)) {
		out = append(out, newCause(slug, byAddress(s.placed[slug])))
	}
	return out
}

func drifting(changes []changeset.Change) []changeset.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c changeset.Change) bool {
		return c.Cause != changeset.Drift && c.Cause != changeset.Orphan
	})
}

func byAddress(changes []changeset.Change) []changeset.Change {
	slices.SortFunc(changes, func(a, b changeset.Change) int { return a.Address.Compare(b.Address) })
	return changes
}

// mends tells whether closing the proposal of a change puts something back.
func mends(change changeset.Change) bool {
	sort := causeOf(change).Sort
	return sort == Changed || sort == Missing
}

// A sorter sorts changes into causes.
type sorter struct {
	deeds  map[resource.Address][]Deed
	placed map[string][]changeset.Change // by slug
	known  map[string]Known
	member map[resource.Address]string
}

func (s *sorter) place(slug string, changes ...changeset.Change) {
	s.placed[slug] = append(s.placed[slug], changes...)
}

// stiff tells whether a slug is that of a cause of which nothing is put back, and that a change could be in.
func (s *sorter) stiff(slug string, change changeset.Change) bool {
	return slug == stiffSlug(change, Stray) || slug == stiffSlug(change, Duplicate) || slug == absentSlug(change)
}

func stiffSlug(change changeset.Change, sort Sort) string {
	return slugOf(change.Address.Kind, string(sort))
}

func absentSlug(change changeset.Change) string {
	return slugOf(string(Absent), string(change.Address.Owner))
}

// placeAlike places what is like something in a known cause, and takes it out of what is free.
func (s *sorter) placeAlike(free map[string][]changeset.Change) {
	home := map[string]string{} // by what is alike: the first open cause that has such a member
	for _, slug := range slices.Sorted(maps.Keys(s.placed)) {
		for _, change := range s.placed[slug] {
			alike := causeOf(change).Slug
			if _, has := home[alike]; !has && s.known[slug].Open {
				home[alike] = slug
			}
		}
	}
	for alike, list := range free {
		slug, ok := home[alike]
		if _, known := s.known[alike]; known {
			slug, ok = alike, true
		}
		if ok {
			s.place(slug, list...)
			delete(free, alike)
		}
	}
}

// A stint is what one person did, as far as anybody knows: a known cause, or changes that are alike.
type stint struct {
	by, session string
	from, to    time.Time
	slug        string
	known       bool
}

// placeSittings places what one person did in one sitting together, and takes it out of what is free.
func (s *sorter) placeSittings(free map[string][]changeset.Change) {
	var stints []stint
	for slug, list := range s.placed {
		if one, ok := s.stint(slug, list); ok && s.known[slug].Open {
			one.known = true
			stints = append(stints, one)
		}
	}
	for alike, list := range free {
		if one, ok := s.stint(alike, list); ok {
			stints = append(stints, one)
		}
	}
	for _, together := range sittings(stints) {
		slug := homeOf(together)
		for _, one := range together {
			if !one.known && slug != "" {
				s.place(slug, free[one.slug]...)
				delete(free, one.slug)
			}
		}
	}
}

// stint tells who made changes and when, if one person did as far as anybody knows. Of several writes to a resource
// the newest counts.
func (s *sorter) stint(slug string, changes []changeset.Change) (stint, bool) {
	one := stint{slug: slug}
	for _, change := range changes {
		if !mends(change) {
			return stint{}, false
		}
		d, ok := last(s.deeds[change.Address])
		switch {
		case !ok:
		case one.by == "":
			one.by, one.session, one.from, one.to = d.By, d.Session, d.At, d.At
		case one.by != d.By || one.session != d.Session:
			return stint{}, false
		case d.At.Before(one.from):
			one.from = d.At
		case d.At.After(one.to):
			one.to = d.At
		}
	}
	return one, one.by != ""
}

func last(deeds []Deed) (Deed, bool) {
	if len(deeds) == 0 {
		return Deed{}, false
	}
	return slices.MaxFunc(deeds, func(a, b Deed) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.By, b.By), cmp.Compare(a.Session, b.Session))
	}), true
}

// sittings parts stints by person and by pauses.
func sittings(stints []stint) [][]stint {
	slices.SortFunc(stints, func(a, b stint) int {
		return cmp.Or(cmp.Compare(a.by, b.by), cmp.Compare(a.session, b.session), a.from.Compare(b.from), a.to.Compare(b.to), cmp.Compare(a.slug, b.slug))
	})
	var out [][]stint
	var end time.Time
	for i, one := range stints {
		if i > 0 && stints[i-1].by == one.by && stints[i-1].session == one.session && one.from.Sub(end) <= sitting {
			out[len(out)-1] = append(out[len(out)-1], one)
		} else {
			out, end = append(out, []stint{one}), one.to
		}
		if one.to.After(end) {
			end = one.to
		}
	}
	return out
}

// homeOf names the cause for what was done in one sitting: a known one, or a new one if it is more than one thing;
// empty if it is neither.
func homeOf(together []stint) string {
	var known []string
	for _, one := range together {
		if one.known {
			known = append(known, one.slug)
		}
	}
	if len(known) > 0 {
		return slices.MinFunc(known, func(a, b string) int {
			return cmp.Or(-cmp.Compare(hasPrefix(a, byHand), hasPrefix(b, byHand)), cmp.Compare(a, b))
		})
	}
	if len(together) < 2 {
		return ""
	}
	first := together[0]
	sum := sha256.Sum256([]byte(first.by + "\x00" + first.session + "\x00" + first.from.UTC().Format(time.RFC3339)))
	return byHand + plain(person(first.by, first.session)) + "-" + hex.EncodeToString(sum[:4])
}

// plain keeps of a text what may stand in a slug.
func plain(text string) string {
	const longest = 40
	text = strings.Map(func(r rune) rune {
		r = unicode.ToLower(r)
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, text)
	return strings.Trim(text[:min(len(text), longest)], "-")
}

func hasPrefix(text, prefix string) int {
	if strings.HasPrefix(text, prefix) {
		return 1
	}
	return 0
}

// person is the short name of somebody who is known by an ARN and perhaps a session.
func person(by, session string) string {
	if session != "" {
		return session
	}
	return by[strings.LastIndexAny(by, "/:")+1:]
}
