package changeset_test

import (
	"reflect"
	"testing"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// filling is a kind of which the cloud fills in parts: only what Git says of it, or said, is compared.
func filling() resource.Kind {
	return resource.Kind{Name: "test.filling", Attributes: []resource.Attribute{
		{Name: "name", Immutable: true},
		{
			Name: "settings",
			Asked: func(have, want, applied resource.Value) resource.Value {
				h, _ := have.Members()
				w, _ := want.Members()
				a, _ := applied.Members()
				for key := range h {
					if !w[key].IsSet() && !a[key].IsSet() {
						delete(h, key)
					}
				}
				if len(h) == 0 {
					return resource.Value{}
				}
				return resource.Object(h)
			},
			Replaces: func(before, after resource.Value) bool {
				b, _ := before.Members()
				a, _ := after.Members()
				return b["engine"] != a["engine"]
			},
		},
	}}
}

func TestWhatTheCloudFillsInIsNoDifference(t *testing.T) {
	address := resource.Address{Owner: "tenant/acme", Kind: "test.filling", Name: "one"}
	scope := resource.Scope{Account: "111122223333", Region: "eu-central-1"}
	tests := []struct {
		name, want, applied, have string
		action                    changeset.Action
		cause                     changeset.Cause
		dropped, missing          [][]string
	}{
		{"filled in by the cloud", `{"size":1}`, `{"size":1}`, `{"size":1,"zone":"a"}`, "", "", nil, nil},
		{"changed by hand", `{"size":1}`, `{"size":1}`, `{"size":2,"zone":"a"}`, changeset.Update, changeset.Drift, nil, nil},
		{"changed in Git", `{"size":3}`, `{"size":1}`, `{"size":1,"zone":"a"}`, changeset.Update, changeset.Config, nil, nil},
		{"dropped in Git", `{"size":1}`, `{"size":1,"zone":"a"}`, `{"size":1,"zone":"a"}`, changeset.Update, changeset.Config, [][]string{{"settings", "zone"}}, nil},
		{"new in Git", `{"size":1,"zone":"a"}`, `{"size":1}`, `{"size":1}`, changeset.Update, changeset.Config, nil, [][]string{{"settings", "zone"}}},
		{"of a part that can't be changed", `{"engine":"b"}`, `{"engine":"a"}`, `{"engine":"a","size":1}`, changeset.Replace, changeset.Config, nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			desired := func(settings string) resource.Desired {
				v, err := resource.ParseValue([]byte(settings))
				if err != nil {
					t.Fatal(err)
				}
				return resource.Desired{Address: address, Scope: scope, Attributes: resource.Attributes{"name": resource.String("one"), "settings": v}}
			}
			cs, err := changeset.Compute(changeset.Snapshot{
				Fleet: "f", Kinds: map[string]resource.Kind{"test.filling": filling()}, Now: time.Unix(1e9, 0), CorrectDrift: true,
				Desired: []resource.Desired{desired(test.want)}, Applied: []resource.Desired{desired(test.applied)},
				Settled:  map[resource.Owner]bool{"tenant/acme": true},
				Observed: []resource.Observed{{Address: address, Scope: scope, Fleet: "f", ID: "one", Attributes: desired(test.have).Attributes}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if test.action == "" {
				if !cs.Empty() {
					t.Fatalf("something changes: %+v", cs.Changes)
				}
				return
			}
			if len(cs.Changes) != 1 || cs.Changes[0].Action != test.action || cs.Changes[0].Cause != test.cause {
				t.Fatalf("%+v", cs.Changes)
			}
			if got := cs.Changes[0].Want; !reflect.DeepEqual(got.Dropped, test.dropped) || !reflect.DeepEqual(got.Missing, test.missing) {
				t.Errorf("dropped %v, missing %v", got.Dropped, got.Missing)
			}
		})
	}
}
