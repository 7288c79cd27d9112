package draw

import (
	"encoding/xml"
	"fmt"
	"strings"
	"unicode"

	"tenantry.dev/schema"
)

// Sizes of text and of what holds it, in pixels.
const (
	titleSize   = 17
	titleHeight = 34
	nameSize    = 13
	noteSize    = 11
	labelSize   = 11
	labelHeight = 16
	inside      = 12 // between a node's border and its text
	nodeHeight  = 42
	plainHeight = 28
)

// SVG draws a graph: layers from left to right, no text over another, light or dark as the reader's
// page is. It needs no script and no other file.
func SVG(g schema.Graph) string {
	p := lay(g)
	width := max(p.width, textWidth(g.Title, titleSize)+2*margin)
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %[1]f %[2]f\" role=\"img\" aria-label=\"%s\">\n", width, p.height, escape(g.Title))
	b.WriteString(stylesheet())
	fmt.Fprintf(&b, "<rect class=\"ground\" width=\"100%%\" height=\"100%%\"/>\n<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", margin, margin+titleSize, escape(g.Title))
	for _, r := range p.routes {
		fmt.Fprintf(&b, "<path class=\"edge %s\" d=\"%s\"/>\n", r.class, curve(r))
	}
	for _, layer := range p.layers {
		for _, box := range layer {
			switch {
			case box.node != nil:
				drawNode(&b, box)
			case box.label != "":
				fmt.Fprintf(&b, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", box.x+box.width/2, box.y+box.height/2+4, escape(box.label))
			}
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// stylesheet has the colours as variables, which a page that holds the picture can set, too.
func stylesheet() string {
	var light, dark, rules strings.Builder
	for _, c := range classes {
		fmt.Fprintf(&light, "--%s:%s;", c.name, c.light)
		fmt.Fprintf(&dark, "--%s:%s;", c.name, c.dark)
		fmt.Fprintf(&rules, ".node.%s{stroke:var(--%[1]s)}.bar.%[1]s,.tip.%[1]s{fill:var(--%[1]s)}.edge.%[1]s{stroke:var(--%[1]s)}\n", c.name)
	}
	return `<style>
svg{--ground:#ffffff;--node:#f6f8fa;--text:#1f2328;--quiet:#59636e;` + light.String() + `color-scheme:light dark}
@media (prefers-color-scheme:dark){svg{--ground:#0d1117;--node:#161b22;--text:#e6edf3;--quiet:#9198a1;` + dark.String() + `}}
text{font-family:-apple-system,"Segoe UI","Helvetica Neue",Arial,"Liberation Sans",sans-serif;fill:var(--text)}
.ground{fill:var(--ground)}
.title{font-size:17px;font-weight:600}
.name{font-size:13px;font-weight:600}
.note{font-size:11px;fill:var(--quiet)}
.label{font-size:11px;fill:var(--quiet);text-anchor:middle;paint-order:stroke;stroke:var(--ground);stroke-width:5px}
.node{fill:var(--node);stroke-width:1}
.edge{fill:none;stroke-width:1.3;opacity:.65}
` + rules.String() + `</style>
`
}

func drawNode(b *strings.Builder, box *box) {
	n := box.node
	fmt.Fprintf(b, "<g><title>%s</title>", escape(tip(*n)))
	fmt.Fprintf(b, "<rect class=\"node %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"6\"/>", n.Class, box.x, box.y, box.width, box.height)
	fmt.Fprintf(b, "<rect class=\"bar %s\" x=\"%.1f\" y=\"%.1f\" width=\"4\" height=\"%.1f\" rx=\"2\"/>", n.Class, box.x, box.y+4, box.height-8)
	fmt.Fprintf(b, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\">%s</text>", box.x+inside, box.y+18, escape(n.Label))
	if n.Note != "" {
		fmt.Fprintf(b, "<text class=\"note\" x=\"%.1f\" y=\"%.1f\">%s</text>", box.x+inside, box.y+34, escape(n.Note))
	}
	b.WriteString("</g>\n")
}

func tip(n schema.Node) string {
	if at := n.Origin.String(); at != "" {
		return n.ID + " (" + at + ")"
	}
	return n.ID
}

// clearance is how far before a layer an edge that passes it is level, and after it, so that it touches no corner.
const clearance = 10

// curve leads through the boxes of a route: straight through each, and in a bow from one to the next.
func curve(r route) string {
	var b strings.Builder
	first := r.boxes[0]
	x, y := first.x+first.width, first.middle()
	fmt.Fprintf(&b, "M%.1f %.1f", x, y)
	for _, next := range r.boxes[1:] {
		to := next.x
		if next.node == nil {
			to -= clearance
		}
		half := max(0, (to-x)/2)
		fmt.Fprintf(&b, " C%.1f %.1f %.1f %.1f %.1f %.1f", x+half, y, to-half, next.middle(), to, next.middle())
		x, y = to, next.middle()
		if next.node == nil {
			x = next.x + next.width + clearance
			fmt.Fprintf(&b, " L%.1f %.1f", x, y)
		}
	}
	return b.String()
}

// sizeOf is the room that a node takes.
func sizeOf(n *schema.Node) (width, height float64) {
	width = max(textWidth(n.Label, nameSize)*1.06, textWidth(n.Note, noteSize)) + 2*inside
	if n.Note == "" {
		return width, plainHeight
	}
	return width, nodeHeight
}

// textWidth is how wide a text gets at most in the usual fonts: there is nothing here to measure it with.
func textWidth(text string, size float64) float64 {
	width := 0.0
	for _, r := range text {
		switch {
		case strings.ContainsRune("iljI.,:;|'!()[]/\\ ", r):
			width += 0.36
		case strings.ContainsRune("mwMW@%—", r):
			width += 0.95
		case unicode.IsUpper(r), unicode.IsDigit(r) && r == '4':
			width += 0.74
		case r > unicode.MaxLatin1 && unicode.Is(unicode.Han, r), r >= 0x1100 && unicode.IsLetter(r):
			width += 1.05
		default:
			width += 0.6
		}
	}
	return width * size
}

// escape writes text into XML. What XML can't hold becomes a replacement character.
func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder takes everything
	return b.String()
}
