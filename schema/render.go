package schema

import (
	"maps"
	"slices"

	"tenantry.dev/reconciler/resource"
)

// Render returns what the whole fleet asks of the cloud, and who in it is broken. It evaluates
// nothing, since Load has; but it decodes all there is, so that the result is large and worth keeping
// for as long as it is needed, and no longer.
func (f *Fleet) Render() Rendering {
	owners := slices.Collect(maps.Keys(f.rendered))
	return f.RenderOwners(slices.AppendSeq(owners, maps.Keys(f.Broken))...)
}

// RenderOwners returns what some owners ask of the cloud. Owners that the fleet doesn't know have
// nothing in the rendering, neither resources nor a reason.
func (f *Fleet) RenderOwners(owners ...resource.Owner) Rendering {
	out := Rendering{Broken: map[resource.Owner]string{}}
	together := map[*chunk][]body{}
	for _, owner := range owners {
		if k := f.rendered[owner]; k != nil && k.body.in != nil {
			together[k.body.in] = append(together[k.body.in], k.body)
		}
		if reason, ok := f.Broken[owner]; ok {
			out.Broken[owner] = reason
		}
	}
	for c, bodies := range together {
		text, err := c.open()
		if err != nil {
			continue // see body.resources
		}
		for _, b := range bodies {
			if list, err := resource.Unpack(text[b.from:b.to]); err == nil {
				out.Desired = append(out.Desired, list...)
			}
		}
	}
	slices.SortFunc(out.Desired, func(a, b resource.Desired) int { return a.Address.Compare(b.Address) })
	return out
}

// sum identifies what an owner asks for; zero if that is nothing.
func (k *kept) sum() Sum {
	if k == nil {
		return Sum{}
	}
	return k.Sum
}

// Differs returns the owners whose rendering is another one in the other fleet, or is in one of the
// two alone. Sorted. It decodes nothing.
func (f *Fleet) Differs(other *Fleet) []resource.Owner {
	var out []resource.Owner
	for owner, k := range f.rendered {
		if k.sum() != other.rendered[owner].sum() {
			out = append(out, owner)
		}
	}
	for owner, k := range other.rendered {
		if f.rendered[owner] == nil && k.sum() != (Sum{}) {
			out = append(out, owner)
		}
	}
	slices.Sort(out)
	return out
}

// Scopes returns where the fleet's resources can lie: every account in each of its regions, and in
// the region Global. Sorted. It doesn't depend on what is rendered, so that what is left over is found.
func (f *Fleet) Scopes() []resource.Scope {
	var scopes []resource.Scope
	for _, account := range f.Accounts {
		scopes = append(scopes, resource.Scope{Account: account.ID, Region: resource.Global})
		for _, region := range account.Regions {
			scopes = append(scopes, resource.Scope{Account: account.ID, Region: region})
		}
	}
	slices.SortFunc(scopes, resource.Scope.Compare)
	return slices.Compact(scopes)
}

// Offboarded returns the tenants whose lifecycle is offboarding, with the line that says so. They
// are sound, render no resources, and by intent lose what they have.
func (f *Fleet) Offboarded() map[resource.Owner]resource.Origin { return maps.Clone(f.offboards) }
