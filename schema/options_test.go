package schema

import (
	"fmt"
	"slices"
	"testing"
)

// What a plan leaves to tenants is told with its bounds; a computed value and a fixed one are no options.
func TestOptions(t *testing.T) {
	f, _ := Load(smallExample(t), today)
	got := map[string]string{}
	for _, p := range f.Plans {
		for _, o := range p.Options {
			got[p.Name+"."+o.Resource+"."+o.Attribute] = fmt.Sprintf("%s [%s] %v %t", o.Words, o.Default, o.Choices, o.Implied)
			if o.Origin.File != "plans/"+p.Name+".cue" || o.Origin.Line == 0 {
				t.Errorf("%s.%s is from %s", o.Resource, o.Attribute, o.Origin)
			}
		}
	}
	for path, want := range map[string]string{
		"team.data.versioning":                     "true (the default) or false [true] [true false] false",
		"enterprise.logs.retentionDays":            "365 (the default), 731 or 1827 [365] [365 731 1827] false",
		"pool.errors.threshold":                    "25 (the default) or a number from 5 to 500 [25] [] false",
		"pool.logs.tags":                           "more of them, by other names than tenant [] [] true",
		"pool.role.assumeRolePolicy.Version":       `"2012-10-17" or "2008-10-17" ("2012-10-17" by default) ["2012-10-17"] ["2012-10-17" "2008-10-17"] true`,
		"enterprise.data.versioning":               "", // fixed
		"pool.role.permissionsBoundary":            "", // computed
		"pool.role.inlinePolicies":                 "", // no names can be added
		"pool.role.inlinePolicies.service.Version": "",
		"enterprise.alerts.subscriptions":          "",
	} {
		if got[path] != want {
			t.Errorf("%s: %q, want %q", path, got[path], want)
		}
	}
}

// The schema's residencies are those that a tenant can have, and their regions are regions.
func TestResidencies(t *testing.T) {
	e, err := newEngine(newTree(nil, nil, func(Step) {}), nil)
	if err != nil {
		t.Fatal(err)
	}
	regions := readResidencies(e.schema)
	var want []string
	for _, choice := range choices(lookup(e.definition("#Tenant"), []string{"residency"})) {
		want = append(want, choice[1:len(choice)-1])
	}
	slices.Sort(want)
	if got := sortedKeys(regions); !slices.Equal(got, want) || len(got) < 6 {
		t.Errorf("regions are known for %v, not for %v", got, want)
	}
	seen := map[string]string{}
	for residency, list := range regions {
		for _, region := range list {
			if e.definition("#Region").Unify(e.ctx.Encode(region)).Err() != nil {
				t.Errorf("%s: %q is no region", residency, region)
			}
			if other := seen[region]; other != "" {
				t.Errorf("%s is in %s and in %s", region, other, residency)
			}
			seen[region] = residency
		}
	}
}
