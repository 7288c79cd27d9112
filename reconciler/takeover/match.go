package takeover

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// A matching is who becomes what, as far as it is clear.
type matching struct {
	pairs     []Pair
	questions []Question
	left      []providers.Found
}

// match pairs what a plan has with what exists, each at most once. In this order: what a person
// decided; what has exactly the name that the plan gives; what is the only one of its kind on both
// sides; what is most alike, if it is so by a margin. What could be one of several is a question.
func (o Order) match(template []resource.Desired, free []providers.Found) (matching, error) {
	m := &matcher{Order: o, template: template, free: free, taken: map[string]string{}}
	if err := m.decided(); err != nil {
		return matching{}, err
	}
	m.exact()
	m.alike()
	return m.result(), nil
}

type matcher struct {
	Order
	template []resource.Desired
	free     []providers.Found
	pairs    []Pair
	taken    map[string]string // by the id of what exists, its name in the plan
}

func (m *matcher) take(d resource.Desired, f providers.Found, why string) {
	m.pairs = append(m.pairs, Pair{d.Address.Name, f, why})
	m.taken[f.ID] = d.Address.Name
}

// open are the resources of the plan that nothing is matched to.
func (m *matcher) open() []resource.Desired {
	return slices.DeleteFunc(slices.Clone(m.template), func(d resource.Desired) bool {
		_, none := m.Decided[d.Address.Name]
		return none || slices.ContainsFunc(m.pairs, func(p Pair) bool { return p.Name == d.Address.Name })
	})
}

// Nothing decides that a resource of the plan is none of what exists.
const Nothing = "-"

// decided does what a person said.
func (m *matcher) decided() error {
	for _, name := range slices.Sorted(maps.Keys(m.Decided)) {
		at := slices.IndexFunc(m.template, func(d resource.Desired) bool { return d.Address.Name == name })
		if at < 0 {
			return fmt.Errorf("match %s: the plan %s has no resource %q", name, m.Tenant.Plan, name)
		}
		if m.Decided[name] == Nothing {
			continue
		}
		d := m.template[at]
		var fits []providers.Found
		for _, f := range m.free {
			if f.Kind == d.Address.Kind && f.Scope == d.Scope && (f.ID == m.Decided[name] || f.Name == m.Decided[name] || bare(f.Name) == m.Decided[name]) {
				fits = append(fits, f)
			}
		}
		switch {
		case len(fits) == 0:
			return fmt.Errorf("match %s: no %s called %q was selected that could be adopted", name, d.Address.Kind, m.Decided[name])
		case len(fits) > 1:
			return fmt.Errorf("match %s: %d things are called %q; give the id, such as %s", name, len(fits), m.Decided[name], fits[0].ID)
		case m.taken[fits[0].ID] != "":
			return fmt.Errorf("match %s: %s is to be %s already", name, fits[0].Name, m.taken[fits[0].ID])
		}
		m.take(d, fits[0], "decided")
	}
	return nil
}

// candidates are what could become a resource.
func (m *matcher) candidates(d resource.Desired) []providers.Found {
	var out []providers.Found
	for _, f := range m.free {
		if f.Kind == d.Address.Kind && f.Scope == d.Scope && m.taken[f.ID] == "" {
			out = append(out, f)
		}
	}
	return out
}

func (m *matcher) exact() {
	for _, d := range m.open() {
		for _, f := range m.candidates(d) {
			if m.sameName(d, f) {
				m.take(d, f, "it has the name")
				break
			}
		}
	}
}

// sameName tells whether something is known by exactly what the plan says.
func (m *matcher) sameName(d resource.Desired, f providers.Found) bool {
	kind := m.Kinds[d.Address.Kind]
	for _, a := range kind.Attributes {
		if slices.Contains(kind.Outputs, a.Name) && d.Attributes[a.Name].IsSet() {
			return f.Attributes[a.Name].Equal(d.Attributes[a.Name])
		}
	}
	return false
}

// alike matches by likeness, the clearest first.
func (m *matcher) alike() {
	for {
		best, found := Pair{}, false
		var of resource.Desired
		most := 0.0
		for _, d := range m.open() {
			f, why, margin := m.nearest(d)
			if margin > most {
				best, of, most, found = Pair{Found: f, Why: why}, d, margin, true
			}
		}
		if !found {
			return
		}
		m.take(of, best.Found, best.Why)
	}
}

// nearest is what is most like a resource, and by how much more than anything else; a margin of 0
// is none.
func (m *matcher) nearest(d resource.Desired) (near providers.Found, why string, margin float64) {
	candidates := m.likely(d)
	if len(candidates) == 0 {
		return near, "", 0
	}
	rivals := slices.DeleteFunc(m.open(), func(r resource.Desired) bool {
		return r.Address == d.Address || r.Address.Kind != d.Address.Kind || r.Scope != d.Scope
	})
	if len(candidates) == 1 && len(rivals) == 0 {
		return candidates[0], "it is the only " + d.Address.Kind, 1
	}
	slices.SortStableFunc(candidates, func(a, b providers.Found) int { return cmp.Compare(m.likeness(d, b), m.likeness(d, a)) })
	near = candidates[0]
	mine, next := m.likeness(d, near), 0.0
	if len(candidates) > 1 {
		next = m.likeness(d, candidates[1])
	}
	for _, r := range rivals {
		next = max(next, m.likeness(r, near))
	}
	if mine-next < clearly {
		return near, "", 0
	}
	return near, "its name or settings are the nearest", mine - next
}

// clearly is how much more alike one thing must be than all others.
const clearly = 0.2

// likely are the candidates that aren't plainly something else: of what has no default, such as an
// alarm's metric, at least half is the same.
func (m *matcher) likely(d resource.Desired) []providers.Found {
	return slices.DeleteFunc(m.candidates(d), func(f providers.Found) bool {
		said, same := 0, 0
		kind := m.Kinds[d.Address.Kind]
		for _, a := range kind.Attributes {
			want := d.Attributes[a.Name]
			if a.Default.IsSet() || !want.IsSet() || identity(kind, a.Name) || a.Canonical != nil {
				continue
			}
			said++
			if a.Normal(want).Equal(f.Attributes[a.Name]) {
				same++
			}
		}
		return said >= 2 && 2*same < said
	})
}

// likeness is how much something is like a resource of the plan, from 0 to 2: by the words of its
// name, and by its settings.
func (m *matcher) likeness(d resource.Desired, f providers.Found) float64 {
	tenant := wordsOf(m.Tenant.Name)
	own := func(words []string) []string {
		return slices.DeleteFunc(words, func(w string) bool { return slices.Contains(tenant, w) || w == f.Scope.Account })
	}
	mine, its := own(wordsOf(d.Address.Name)), own(wordsOf(f.Name))
	shared := 0
	for _, w := range mine {
		if slices.Contains(its, w) {
			shared++
		}
	}
	kind := m.Kinds[d.Address.Kind]
	same := 0
	for _, a := range kind.Attributes {
		if a.Normal(d.Attributes[a.Name]).Equal(f.Attributes[a.Name]) {
			same++
		}
	}
	return 2*float64(shared)/float64(max(1, len(mine)+len(its))) + float64(same)/float64(max(1, len(kind.Attributes)))
}

// result sorts what is clear from what isn't. A resource that nothing like it is left for is to be
// created, and that is no question.
func (m *matcher) result() matching {
	out := matching{pairs: m.pairs}
	for _, d := range m.open() {
		if candidates := m.likely(d); len(candidates) > 0 {
			out.questions = append(out.questions, Question{d.Address.Name, d.Address.Kind, candidates})
		}
	}
	for _, f := range m.free {
		if m.taken[f.ID] == "" {
			out.left = append(out.left, f)
		}
	}
	slices.SortFunc(out.pairs, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Found.ID, b.Found.ID))
	})
	return out
}
