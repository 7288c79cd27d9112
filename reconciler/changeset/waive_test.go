package changeset_test

import (
	"testing"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// What a person wants to leave as it is shows no difference, is listed, and nothing else is hidden by it.
func TestWaivers(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	group := resource.Address{Owner: "tenant/acme", Kind: "logs", Name: "app"}
	rogue := resource.Address{Owner: "tenant/acme", Kind: "logs", Name: "rogue"}
	scope := resource.Scope{Account: "111122223333", Region: "eu-central-1"}
	want := func(days, class string) resource.Desired {
		return resource.Desired{Address: group, Scope: scope, Attributes: resource.Attributes{"days": resource.String(days), "class": resource.String(class)}}
	}
	have := func(a resource.Address, days, class string) resource.Observed {
		return resource.Observed{Address: a, Scope: scope, Fleet: "f", ID: a.Name, Attributes: want(days, class).Attributes}
	}
	ignore := func(until time.Time, attributes ...string) []changeset.Waiver {
		return []changeset.Waiver{{Addresses: []resource.Address{group, rogue}, Attributes: attributes, By: "dana", Reason: "a trial", Until: until}}
	}
	for name, tt := range map[string]struct {
		desired, applied   resource.Desired
		observed           []resource.Observed
		ignores            []changeset.Waiver
		correct            bool
		drift, config, ign int
	}{
		"waived":                {want("30", "a"), want("30", "a"), []resource.Observed{have(group, "1", "a")}, ignore(now.Add(1), "days"), false, 0, 0, 1},
		"nor corrected":         {want("30", "a"), want("30", "a"), []resource.Observed{have(group, "1", "a")}, ignore(now.Add(1), "days"), true, 0, 0, 1},
		"over":                  {want("30", "a"), want("30", "a"), []resource.Observed{have(group, "1", "a")}, ignore(now, "days"), false, 1, 0, 0},
		"another attribute":     {want("30", "a"), want("30", "a"), []resource.Observed{have(group, "1", "b")}, ignore(now.Add(1), "class"), false, 1, 0, 1},
		"all of them":           {want("30", "a"), want("30", "a"), []resource.Observed{have(group, "1", "b")}, ignore(now.Add(1), "*"), false, 0, 0, 2},
		"Git moved":             {want("60", "a"), want("30", "a"), []resource.Observed{have(group, "1", "a")}, ignore(now.Add(1), "days"), false, 0, 1, 0},
		"Git moved elsewhere":   {want("30", "c"), want("30", "a"), []resource.Observed{have(group, "1", "a")}, ignore(now.Add(1), "days"), false, 0, 1, 1},
		"gone":                  {want("30", "a"), want("30", "a"), nil, ignore(now.Add(1), "*"), false, 1, 0, 0},
		"what nobody asked for": {want("30", "a"), want("30", "a"), []resource.Observed{have(group, "30", "a"), have(rogue, "1", "a")}, ignore(now.Add(1), "*"), false, 0, 0, 1},
		"a copied mark":         {want("30", "a"), want("30", "a"), []resource.Observed{have(group, "30", "a"), have(group, "1", "a")}, ignore(now.Add(1), "*"), false, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			cs, err := changeset.Compute(changeset.Snapshot{
				Fleet: "f", Kinds: map[string]resource.Kind{"logs": {Name: "logs", Attributes: []resource.Attribute{{Name: "days"}, {Name: "class"}}}},
				Desired: []resource.Desired{tt.desired}, Applied: []resource.Desired{tt.applied}, Settled: map[resource.Owner]bool{"tenant/acme": true},
				Observed: tt.observed, Waivers: tt.ignores, CorrectDrift: tt.correct, Now: now,
			})
			if err != nil {
				t.Fatal(err)
			}
			count := map[changeset.Cause]int{}
			for _, c := range cs.Changes {
				if c.Cause == changeset.Orphan {
					c.Cause = changeset.Drift
				}
				count[c.Cause]++
				for _, d := range c.Attributes {
					if d.Path == "days" && tt.ign > 0 && name != "another attribute" {
						t.Errorf("%s: the waived attribute is in the change", c.Address)
					}
				}
			}
			if (count[changeset.Drift] > 0) != (tt.drift > 0) || count[changeset.Config] != tt.config || len(cs.Waived) != tt.ign {
				t.Errorf("changes %v, %d ignored: %+v", count, len(cs.Waived), cs.Changes)
			}
		})
	}
}
