// Package draw draws graphs of a fleet: as Mermaid, which GitHub shows, and as SVG. It is pure: the same
// graph gives the same text.
package draw

import (
	"fmt"
	"strings"
	"unicode"

	"tenantry.dev/schema"
)

// shapes are Mermaid's brackets by class. https://mermaid.js.org/syntax/flowchart.html#node-shapes
var shapes = map[string][2]string{
	schema.ClassAccount:  {"[[", "]]"},
	schema.ClassCell:     {"[", "]"},
	schema.ClassTenant:   {"([", "])"},
	schema.ClassPlan:     {"[/", "/]"},
	schema.ClassPolicy:   {"{{", "}}"},
	schema.ClassShared:   {"[(", ")]"},
	schema.ClassResource: {"[", "]"},
}

// Mermaid's own limits, which GitHub has too: beyond them it shows an error in place of the picture.
// https://mermaid.js.org/config/schema-docs/config.html#maxtextsize, #maxedges
const (
	MermaidText  = 50_000
	MermaidEdges = 500
)

// Mermaid writes a graph as a flowchart. A graph of a fleet stays within Mermaid's limits; of a
// tenant's graph with more edges than Mermaid draws, the last are left out, and a comment says so.
func Mermaid(g schema.Graph) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := map[string]string{}
	used := map[string][]string{}
	for i, n := range g.Nodes {
		id := fmt.Sprintf("n%d", i)
		ids[n.ID] = id
		used[n.Class] = append(used[n.Class], id)
		shape, known := shapes[n.Class]
		if !known {
			shape = [2]string{"[", "]"}
		}
		label := "<b>" + mermaidText(n.Label) + "</b>"
		if n.Note != "" {
			label += "<br/>" + mermaidText(n.Note)
		}
		fmt.Fprintf(&b, "  %s%s\"%s\"%s\n", id, shape[0], label, shape[1])
	}
	edges := g.Edges
	if len(edges) > MermaidEdges {
		edges = edges[:MermaidEdges]
		fmt.Fprintf(&b, "  %%%% %d more edges are left out, as Mermaid draws %d\n", len(g.Edges)-MermaidEdges, MermaidEdges)
	}
	for _, e := range edges {
		arrow := "-->"
		if e.Label != "" {
			arrow = "-->|\"" + mermaidText(e.Label) + "\"|"
		}
		fmt.Fprintf(&b, "  %s %s %s\n", ids[e.From], arrow, ids[e.To])
	}
	for _, class := range classes {
		if list := used[class.name]; len(list) > 0 {
			fmt.Fprintf(&b, "  classDef %s stroke:%s,stroke-width:2px\n  class %s %[1]s\n", class.name, class.light, strings.Join(list, ","))
		}
	}
	return b.String()
}

// mermaidText escapes what Mermaid reads as its own. https://mermaid.js.org/syntax/flowchart.html#special-characters-that-break-syntax
func mermaidText(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;").Replace(text)
}

// classes have a colour each, on a light ground and on a dark one.
var classes = []struct{ name, light, dark string }{
	{schema.ClassAccount, "#6e7781", "#8b949e"},
	{schema.ClassCell, "#0969da", "#58a6ff"},
	{schema.ClassTenant, "#1a7f37", "#3fb950"},
	{schema.ClassPlan, "#8250df", "#a371f7"},
	{schema.ClassPolicy, "#bc4c00", "#f0883e"},
	{schema.ClassShared, "#57606a", "#b1bac4"},
	{schema.ClassResource, "#1b7c83", "#39c5cf"},
}
