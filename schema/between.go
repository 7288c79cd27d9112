package schema

import (
	"fmt"
	"maps"
	"slices"

	"tenantry.dev/reconciler/resource"
)

// between finds what stands between the definitions and the tenants: names of tenants that there aren't,
// exceptions that nobody needs, and rings that nobody is in. found is what was found before: what may
// follow from that is not said.
func (f *Fleet) between(mentions []Mention, found []Finding) []Finding {
	var out []Finding
	for _, m := range mentions {
		if _, known := f.files.owners[resource.Tenant(m.Tenant)]; !known {
			out = append(out, Finding{
				Origin: m.At, Severity: Error,
				Message: fmt.Sprintf("%s: there is no tenant %q%s", m.Field, m.Tenant, maybe(m.Tenant, f.tenantNames())),
			})
		}
	}
	if len(f.Exceptions) > 0 {
		judged := slices.Collect(maps.Values(f.files.rendered))
		wrong := slices.Concat(found, out)
		for _, x := range idle(f.Exceptions, judged, len(f.Broken) == 0) {
			if !slices.ContainsFunc(wrong, func(w Finding) bool { return w.Origin == x.Origin }) {
				out = append(out, x)
			}
		}
	}
	if len(f.Broken) > 0 {
		return out
	}
	return append(out, f.lonely(slices.Concat(found, out))...)
}

// tenantNames are the names of all tenants, sound or not, sorted.
func (f *Fleet) tenantNames() []string {
	var out []string
	for owner := range f.files.owners {
		if owner.Class() == "tenant" {
			out = append(out, owner.Name())
		}
	}
	slices.Sort(out)
	return out
}
