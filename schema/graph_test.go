package schema

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func edgesOf(g Graph) []string {
	var out []string
	for _, e := range g.Edges {
		out = append(out, strings.TrimSpace(e.From+" > "+e.To+" "+e.Label))
	}
	return out
}

// sound reports edges to nodes that aren't there, and nodes that are there twice.
func sound(t *testing.T, g Graph) {
	t.Helper()
	seen := map[string]bool{}
	for _, n := range g.Nodes {
		if seen[n.ID] || n.Label == "" {
			t.Errorf("%+v is there twice or has no label", n)
		}
		seen[n.ID] = true
	}
	for _, e := range g.Edges {
		if !seen[e.From] || !seen[e.To] {
			t.Errorf("%+v leads nowhere", e)
		}
	}
}

func TestGraph(t *testing.T) {
	g := exampleFleet(t).Graph(smallExample(t))
	sound(t, g)
	have := edgesOf(g)
	for _, want := range []string{
		"account/production-eu > cell/eu-1", "cell/eu-1 > tenant/acme", "plan/enterprise > tenant/acme",
		"policy/log-retention > plan/team",
	} {
		if !slices.Contains(have, want) {
			t.Errorf("there is no edge %s in %q", want, have)
		}
	}
}

func TestGraphOfTenant(t *testing.T) {
	f, fsys := exampleFleet(t), smallExample(t)
	g, err := f.TenantGraph(fsys, "acme")
	if err != nil {
		t.Fatal(err)
	}
	sound(t, g)
	have := edgesOf(g)
	for _, want := range []string{
		"plan/enterprise > tenant/acme",
		"tenant/acme > tenant/acme/aws.kms.key/key",
		"tenant/acme/aws.kms.key/key > tenant/acme/aws.s3.bucket/data encryption",
		"tenant/acme/aws.sqs.queue/jobs > tenant/acme/aws.cloudwatch.alarm/backlog dimensions",
		"cell/eu-1 > cell/eu-1/aws.sns.topic/alerts",
		"cell/eu-1/aws.sns.topic/alerts > tenant/acme/aws.cloudwatch.alarm/errors alarmActions",
		"policy/encryption > tenant/acme/aws.s3.bucket/data",
		"policy/eu-residency > tenant/acme",
	} {
		if !slices.Contains(have, want) {
			t.Errorf("there is no edge %s in %q", want, have)
		}
	}
	if g, err := f.TenantGraph(fsys, "globex"); err != nil || slices.Contains(edgesOf(g), "policy/eu-residency > tenant/globex") {
		t.Errorf("%v: a policy on European customers is about one in America", err)
	}
	if _, err := f.TenantGraph(fsys, "acmee"); err == nil || !strings.Contains(err.Error(), `did you mean "acme"?`) {
		t.Error(err)
	}
}

// A folder that definitions import stands in the graph before them.
func TestGraphOfSharedFolders(t *testing.T) {
	fsys := fleetOf(t)
	fsys["shared/words.cue"] = &fstest.MapFile{Data: []byte("package shared\n\ndelay: 10\n")}
	text := strings.Replace(string(fsys["plans/basic.cue"].Data), "import \"tenantry.dev/schema\"", "import (\n\t\"tenantry.dev/schema\"\n\t\"good.example/fleet/shared\"\n)", 1)
	fsys["plans/basic.cue"] = &fstest.MapFile{Data: []byte(strings.Replace(text, "delay:             10", "delay: shared.delay", 1))}
	f, found := Load(fsys, today)
	if Invalid(found) {
		t.Fatal(found)
	}
	g := f.Graph(fsys)
	sound(t, g)
	if !slices.Contains(edgesOf(g), "shared/shared > plan/basic") {
		t.Errorf("%q", edgesOf(g))
	}
}

// What can't be used is counted, so that nobody takes it for gone.
func TestGraphNamesWhatIsBroken(t *testing.T) {
	fsys := with(t, "tenants/plain.cue", "package fleet\n\ntenant: plain: {")
	f, _ := Load(fsys, today)
	g := f.Graph(fsys)
	if !slices.ContainsFunc(g.Nodes, func(n Node) bool { return n.ID == "broken/tenant" && n.Label == "1 broken" }) {
		t.Errorf("%+v", g.Nodes)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
}
