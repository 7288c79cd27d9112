package samples

import (
	"encoding/json"
	"testing"
)

func book(t *testing.T) *Book {
	t.Helper()
	b, err := Read(Words{Fleet: "brightdesk", Tenant: "acme", DisplayName: "Acme", Account: "111122223333", Region: "eu-central-1"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEveryReferenceLeadsSomewhere: each sample has what it refers to, and every name means one thing.
func TestEveryReferenceLeadsSomewhere(t *testing.T) {
	b := book(t)
	names := map[string]string{}
	for _, name := range b.Types() {
		s, _ := b.Sample(name)
		if other := names[s.Name]; other != "" || s.Name == "" {
			t.Errorf("%s and %s are both called %q", name, other, s.Name)
		}
		names[s.Name] = name
		for form, attributes := range map[string]map[string]any{"plain": s.Plain, "full": s.Full, "change": s.Change} {
			if attributes == nil {
				t.Errorf("%s has no form %s", name, form)
			}
			text, err := json.Marshal(attributes)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range reference.FindAllStringSubmatch(string(text), -1) {
				if _, known := b.resources[m[1]]; !known {
					t.Errorf("%s: nothing is called %s", name, m[1])
				}
			}
		}
	}
	for name := range b.resources {
		if r := b.resources[name]; r.Name != name || r.Kind == "" {
			t.Errorf("%s is a %q called %q", name, r.Kind, r.Name)
		}
	}
}

func TestNeedsComeFirst(t *testing.T) {
	b := book(t)
	rule, _ := b.Sample("AWS::ElasticLoadBalancingV2::ListenerRule")
	at := map[string]int{}
	for i, r := range b.Needs(rule.Plain) {
		at[r.Name] = i + 1
	}
	for _, pair := range [][2]string{{"vpc", "subnet"}, {"subnet", "balancer"}, {"subnet-b", "balancer"}, {"balancer", "listener"}, {"vpc", "targets"}} {
		if at[pair[0]] == 0 || at[pair[0]] > at[pair[1]] {
			t.Errorf("%s is needed at place %d, %s at %d", pair[0], at[pair[0]], pair[1], at[pair[1]])
		}
	}
}

func TestExamplesAreAsAPlanHasThem(t *testing.T) {
	got, err := Example("AWS::RDS::DBSubnetGroup")
	if err != nil {
		t.Fatal(err)
	}
	want := `// Refers to subnet and subnet-b (AWS::EC2::Subnet).
"database-subnets": {
	kind:                     "AWS::RDS::DBSubnetGroup"
	DBSubnetGroupName:        "\(#fleet.name)-\(#tenant.#id)"
	DBSubnetGroupDescription: "Where the databases of \(#tenant.displayName) are"
	SubnetIds: ["${subnet.SubnetId}", "${subnet-b.SubnetId}"]
}`
	if got != want {
		t.Errorf("the example is\n%s\nnot\n%s", got, want)
	}
	if got, err := Example("AWS::None::Such"); got != "" || err != nil {
		t.Errorf("a type without a sample has the example %q (%v)", got, err)
	}
}
