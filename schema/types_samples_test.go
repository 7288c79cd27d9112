package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tenantry.dev/internal/samples"
)

// TestSamplesAreValidInAPlan puts every worked example of a resource type into one plan, beside what they
// refer to.
func TestSamplesAreValidInAPlan(t *testing.T) {
	book, err := samples.Read(samples.Words{Fleet: "brightdesk", Tenant: "acme", DisplayName: "Acme", Account: "111122223333", Region: "eu-central-1"})
	if err != nil {
		t.Fatal(err)
	}
	all, err := samples.All()
	if err != nil {
		t.Fatal(err)
	}
	var resources strings.Builder
	names := map[string]bool{}
	for _, s := range all {
		sample, _ := book.Sample(s.Type)
		names[sample.Name] = true
		resources.WriteString(s.Text + "\n")
	}
	for _, s := range all {
		sample, _ := book.Sample(s.Type)
		for _, r := range book.Needs(sample.Full) {
			if names[r.Name] {
				continue
			}
			names[r.Name] = true
			text, err := json.Marshal(r.Attributes)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&resources, "%q: {kind: %q} & %s\n", r.Name, r.Kind, text)
		}
	}
	files := fleetOf(t)
	plan := string(files["plans/basic.cue"].Data)
	head := plan[strings.Index(plan, "basic:"):strings.Index(plan, "resources?: {")]
	files["plans/basic.cue"].Data = []byte("package plans\n\nimport (\n\t\"encoding/json\"\n\n\t\"tenantry.dev/schema\"\n)\n\n" +
		head + "#account: _\n#cell: _\n#fleet: _\nresources?: {\n" + resources.String() + "}\n}\n")
	for path := range files { // what else the fleet wants of that plan isn't the point
		if strings.HasPrefix(path, "policies/") || strings.HasPrefix(path, "tenants/be/") {
			delete(files, path)
		}
	}
	fleet, found := Load(files, today)
	if fleet == nil || Invalid(found) {
		t.Fatal(found)
	}
	desired := map[string]bool{}
	for _, d := range fleet.Render().Desired {
		desired[d.Address.Kind] = true
	}
	for _, s := range all {
		if !desired[s.Type] {
			t.Errorf("no tenant has a resource of %s", s.Type)
		}
	}
}
