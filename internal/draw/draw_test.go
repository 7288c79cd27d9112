package draw

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

var update = flag.Bool("update", false, "write the golden files")

// small has every class, a label, and an edge over a layer.
func small() schema.Graph {
	return schema.Graph{
		Title: `a "fleet" <of> ours & yours`,
		Nodes: []schema.Node{
			{ID: "account/a", Class: schema.ClassAccount, Label: "a", Note: "account · 111122223333"},
			{ID: "cell/eu-1", Class: schema.ClassCell, Label: "eu-1", Note: "cell", Origin: resource.Origin{File: "cells/eu-1.cue", Line: 6, Col: 1}},
			{ID: "shared/words", Class: schema.ClassShared, Label: "words/", Note: "shared definitions"},
			{ID: "plan/team", Class: schema.ClassPlan, Label: "team"},
			{ID: "policy/tags", Class: schema.ClassPolicy, Label: "tags", Note: "policy · warn"},
			{ID: "tenant/acme", Class: schema.ClassTenant, Label: "acme #1", Note: "tenant"},
			{ID: "tenant/acme/aws.kms.key/key", Class: schema.ClassResource, Label: "key", Note: "aws.kms.key"},
			{ID: "tenant/acme/aws.s3.bucket/data", Class: schema.ClassResource, Label: "data", Note: "aws.s3.bucket"},
		},
		Edges: []schema.Edge{
			{From: "account/a", To: "cell/eu-1"},
			{From: "cell/eu-1", To: "tenant/acme"},
			{From: "shared/words", To: "plan/team"},
			{From: "plan/team", To: "tenant/acme"},
			{From: "policy/tags", To: "tenant/acme/aws.s3.bucket/data"},
			{From: "tenant/acme", To: "tenant/acme/aws.kms.key/key"},
			{From: "tenant/acme/aws.kms.key/key", To: "tenant/acme/aws.s3.bucket/data", Label: `kmsKey, "encryption"`},
		},
	}
}

func TestGolden(t *testing.T) {
	for name, got := range map[string]string{"small.mmd": Mermaid(small()), "small.svg": SVG(small())} {
		path := "testdata/" + name
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got); go test -update writes it:\n%s", name, diff)
		}
	}
}

// graphs are any graphs: with circles, loops, several edges between two nodes, and edges to nowhere.
func graphs(t *rapid.T) schema.Graph {
	g := schema.Graph{Title: rapid.StringN(0, 30, 60).Draw(t, "title")}
	n := rapid.IntRange(0, 40).Draw(t, "nodes")
	for i := range n {
		class := classes[rapid.IntRange(0, len(classes)-1).Draw(t, "class")].name
		g.Nodes = append(g.Nodes, schema.Node{ID: fmt.Sprint(i), Class: class, Label: rapid.StringN(0, 20, 40).Draw(t, "label"), Note: rapid.StringN(0, 20, 40).Draw(t, "note")})
	}
	for range rapid.IntRange(0, 80).Draw(t, "edges") {
		from, to := rapid.IntRange(0, n).Draw(t, "from"), rapid.IntRange(0, n).Draw(t, "to")
		g.Edges = append(g.Edges, schema.Edge{From: fmt.Sprint(from), To: fmt.Sprint(to), Label: rapid.SampledFrom([]string{"", "", "kmsKey"}).Draw(t, "edge's label")})
	}
	return g
}

// No box stands on another, so no text does, and all of them lie in the picture.
func TestNothingOverlaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := lay(graphs(t))
		var all []*box
		for _, layer := range p.layers {
			all = append(all, layer...)
		}
		for i, a := range all {
			if a.x < 0 || a.y < titleHeight || a.x+a.width > p.width || a.y+a.height > p.height {
				t.Fatalf("%+v lies outside of %v × %v", a, p.width, p.height)
			}
			if a.node != nil && a.width < textWidth(a.node.Label, nameSize)+2*inside {
				t.Fatalf("%q is wider than its node", a.node.Label)
			}
			for _, b := range all[i+1:] {
				const rounding = 0.001
				if a.x+a.width > b.x+rounding && b.x+b.width > a.x+rounding && a.y+a.height > b.y+rounding && b.y+b.height > a.y+rounding {
					t.Fatalf("%+v overlaps %+v", a, b)
				}
			}
		}
	})
}

// What is drawn is XML, whatever the names are, and the same every time.
func TestWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := graphs(t)
		text, flowchart := SVG(g), Mermaid(g)
		if again := SVG(g); again != text {
			t.Fatal("drawn differently the second time")
		}
		if again := Mermaid(g); again != flowchart {
			t.Fatal("written differently the second time")
		}
		for dec := xml.NewDecoder(strings.NewReader(text)); ; {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v in %s", err, text)
			}
		}
	})
}

// fleetOf is a fleet of so many tenants on so many plans in so many cells of an account.
func fleetOf(tenants, plans, cells int) *schema.Fleet {
	f := &schema.Fleet{Name: "large", Accounts: []schema.Account{{Name: "main", ID: "111122223333"}}}
	for i := range cells {
		f.Cells = append(f.Cells, schema.Cell{Name: fmt.Sprintf("cell-%d", i), Account: "main", Region: "eu-central-1", Environment: "production"})
	}
	for i := range plans {
		f.Plans = append(f.Plans, schema.Plan{Name: fmt.Sprintf("plan-%d", i), Isolation: "pool"})
	}
	for i := range tenants {
		f.Tenants = append(f.Tenants, schema.Tenant{Name: fmt.Sprintf("tenant-%d", i), Plan: fmt.Sprintf("plan-%d", i%plans), Cell: fmt.Sprintf("cell-%d", i/plans%cells), Lifecycle: "active"})
	}
	return f
}

// However large the fleet, GitHub draws its graph, and no tenant is left out of the numbers.
func TestMermaidStaysWithinLimits(t *testing.T) {
	for _, size := range []struct{ tenants, plans, cells int }{{25, 3, 2}, {26, 3, 2}, {1000, 6, 4}, {10_000, 20, 50}, {10_000, 6, 300}, {10_000, 40, 80}} {
		g := fleetOf(size.tenants, size.plans, size.cells).Graph(fstest.MapFS{})
		text := Mermaid(g)
		if len(text) > MermaidText || len(g.Edges) > MermaidEdges {
			t.Errorf("%+v: %d characters, %d edges", size, len(text), len(g.Edges))
		}
		shown := 0
		for _, n := range g.Nodes {
			if n.Class == schema.ClassTenant {
				shown += max(1, n.Count)
			}
		}
		if shown != size.tenants {
			t.Errorf("%+v: %d tenants are shown", size, shown)
		}
	}
}
