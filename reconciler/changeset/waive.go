package changeset

import (
	"maps"
	"slices"
	"time"

	"tenantry.dev/reconciler/resource"
)

// A Waiver is a person's decision to leave a drift as it is until a time.
type Waiver struct {
	Addresses  []resource.Address
	Attributes []string // "*" is all of them, and a resource that nothing asks for
	By         string
	Reason     string
	Until      time.Time
	Origin     resource.Origin // its place in Git
}

// Waived is drift that was found and left alone.
type Waived struct {
	Address   resource.Address `json:"address"`
	Attribute string           `json:"attribute"` // "*" for a resource that nothing asks for
	By        string           `json:"by"`
	Reason    string           `json:"reason"`
	Until     time.Time        `json:"until"`
	Origin    resource.Origin  `json:"origin"`
}

// Same tells whether two waivers leave the same until the same time.
func (w Waiver) Same(other Waiver) bool {
	return slices.Equal(w.Addresses, other.Addresses) && slices.Equal(w.Attributes, other.Attributes) && w.Until.Equal(other.Until)
}

// covers tells whether a drift of an attribute is left alone.
func (w Waiver) covers(address resource.Address, attribute string, now time.Time) bool {
	return now.Before(w.Until) && slices.Contains(w.Addresses, address) &&
		(slices.Contains(w.Attributes, "*") || slices.Contains(w.Attributes, attribute))
}

// waive takes out of a snapshot what people want to leave as it is, so that the comparison sees no
// difference there, and nothing that it brings about undoes it. Only drift is waived: where Git says
// something else than when the resource was last brought to that, Git is followed. A resource that is
// gone can't be waived, since others may refer to it. The snapshot itself isn't changed.
func waive(s Snapshot) (Snapshot, []Waived) {
	if len(s.Waivers) == 0 {
		return s, nil
	}
	desired, applied := byAddress(s.Desired), byAddress(s.Applied)
	outputs, times := map[resource.Address]map[string]string{}, map[resource.Address]int{}
	for _, have := range s.Observed {
		outputs[have.Address] = have.Outputs
		times[have.Address]++
	}
	output := func(ref resource.Ref) (string, bool) {
		text, ok := outputs[ref.Address][ref.Output]
		return text, ok
	}
	var found []Waived
	var kept []resource.Observed
	s.Desired, s.Applied = slices.Clone(s.Desired), slices.Clone(s.Applied)
	for _, have := range s.Observed {
		want, wanted := desired[have.Address]
		last, known := applied[have.Address]
		switch {
		case times[have.Address] > 1: // whose mark is a copy is not for this to say
		case !wanted && !known:
			if w, ok := s.waived(have.Address, "*"); ok {
				found = append(found, w)
				continue
			}
		case wanted && known && !s.Doubtful[have.Address] && !s.Follows[have.Address]:
			for _, name := range s.drifted(have, s.Desired[want].Attributes.Resolve(output), s.Applied[last].Attributes.Resolve(output)) {
				if w, ok := s.waived(have.Address, name); ok {
					found = append(found, w)
					s.Desired[want] = with(s.Desired[want], name, have.Attributes[name])
					s.Applied[last] = with(s.Applied[last], name, have.Attributes[name])
				}
			}
		}
		kept = append(kept, have)
	}
	s.Observed = kept
	return s, found
}

// waived finds the decision to leave a drift alone.
func (s Snapshot) waived(address resource.Address, attribute string) (Waived, bool) {
	for _, w := range s.Waivers {
		if w.covers(address, attribute, s.Now) {
			return Waived{Address: address, Attribute: attribute, By: w.By, Reason: w.Reason, Until: w.Until, Origin: w.Origin}, true
		}
	}
	return Waived{}, false
}

// drifted are the attributes that the cloud has otherwise than Git, and that Git has as it had them.
func (s Snapshot) drifted(have resource.Observed, want, last resource.Attributes) []string {
	kind := s.Kinds[have.Address.Kind]
	var names []string
	for _, a := range kind.Attributes {
		w, l, h := a.Normal(want[a.Name]), a.Normal(last[a.Name]), a.Normal(have.Attributes[a.Name])
		if a.Asked != nil {
			h = a.Asked(h, w, l)
		}
		if w.Equal(l) && !w.Equal(h) && len(w.Refs()) == 0 {
			names = append(names, a.Name)
		}
	}
	return names
}

// with is a resource with one attribute changed.
func with(d resource.Desired, name string, value resource.Value) resource.Desired {
	d.Attributes = maps.Clone(d.Attributes)
	if value.IsSet() {
		d.Attributes[name] = value
	} else {
		delete(d.Attributes, name)
	}
	return d
}

func byAddress(list []resource.Desired) map[resource.Address]int {
	out := make(map[resource.Address]int, len(list))
	for i, d := range list {
		out[d.Address] = i
	}
	return out
}
