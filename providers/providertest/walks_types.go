package providertest

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"tenantry.dev/internal/samples"
)

// typed tells whether a kind is one of AWS's resource types, described by data.
func typed(kind string) bool { return strings.Contains(kind, "::") }

// book has the samples of types, in which the words of a state stand for what a plan knows.
var book = sync.OnceValues(func() (*samples.Book, error) {
	return samples.Read(samples.Words{Fleet: "{fleet}", Tenant: "{name}", DisplayName: "Acme", Account: "{account}", Region: "{region}"})
})

// Types returns the resource types that have samples, sorted: those that tenants need most.
func Types() []string {
	b, err := book()
	if err != nil {
		return nil // TestSamplesAreRead says why
	}
	return b.Types()
}

// sampleOf is the sample of a type.
func sampleOf(kind string) (samples.Sample, bool) {
	b, err := book()
	if err != nil {
		return samples.Sample{}, false
	}
	return b.Sample(kind)
}

// typeWalks bring a type's sample through tags, through a change and back, and as a whole through somebody
// else's doing.
func typeWalks(s samples.Sample) []Walk {
	plain := one(s.Type)
	full := plain
	full.Attributes = Attr(s.Full)
	walks := []Walk{
		{Kind: s.Type, Name: "tags", Steps: []Step{
			{Name: "plain", State: around(plain)},
			{Name: "tagged", State: around(plain.with(Attr{"tags": map[string]any{"team": "blue"}}))},
			{Name: "other tags", State: around(plain.with(Attr{"tags": map[string]any{"team": "green", "note": "a b/c:d"}}))},
			{Name: "plain again", State: around(plain)},
		}},
		{Kind: s.Type, Name: "as full as can be", Steps: []Step{{Name: "full", State: around(full)}}},
	}
	if len(s.Change) == 0 {
		return walks
	}
	changed := full.with(s.Change)
	walks[1].Steps = []Step{
		{Name: "full", State: around(full, changed)},
		{Name: "changed by somebody else", State: around(changed, full), Astray: true},
		{Name: "put right", State: around(full, changed)},
	}
	return append(walks, Walk{Kind: s.Type, Name: "a change and back", Steps: []Step{
		{Name: "plain", State: around(plain, plain.with(s.Change))},
		{Name: "changed", State: around(plain.with(s.Change), plain)},
		{Name: "plain again", State: around(plain, plain.with(s.Change))},
	}})
}

// around is a state with a resource in it, and before it what it and others refer to.
func around(r Resource, others ...Resource) []Resource {
	b, err := book()
	if err != nil {
		return nil
	}
	all := maps.Clone(r.Attributes)
	for i, other := range others {
		all[strings.Repeat("-", i+1)] = other.Attributes
	}
	var out []Resource
	for _, need := range b.Needs(all) {
		out = append(out, Resource{Kind: need.Kind, Name: need.Name, Attributes: Attr(need.Attributes)})
	}
	return append(out, r)
}

// Types returns the resource types among the kinds that a check makes resources of, sorted.
func (c Check) Types() []string {
	names := map[string]bool{}
	for _, w := range walksOf(c.Kind) {
		for _, name := range w.kinds() {
			if typed(name) {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}
