package report

import (
	"fmt"
	"slices"
	"strings"
)

// Charts are Mermaid, which GitHub draws (https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/creating-diagrams).
// Of its grammar this uses pies and xychart-beta, with every text in double quotes. Texts are our own words, days and
// numbers alone: Mermaid has no escape that holds everywhere, so that what comes from elsewhere stays in tables.

// A slice is a part of a whole, or a bar.
type slice struct {
	label string
	n     int
}

// chartPie is a pie of counts; those of nothing are left out. Empty if nothing is left.
func chartPie(title string, parts []slice) string {
	parts = slices.DeleteFunc(slices.Clone(parts), func(s slice) bool { return s.n == 0 })
	if len(parts) == 0 {
		return ""
	}
	lines := []string{"pie showData", "  title " + title}
	for _, s := range parts {
		lines = append(lines, fmt.Sprintf("  %q : %d", s.label, s.n))
	}
	return fence("mermaid", strings.Join(lines, "\n")) + "\n"
}

// chartColor is for bars: Mermaid's own can hardly be seen on white. This one can on black as well.
const chartColor = `%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#4c8eda"}}}}%%`

// chartBar draws counts in their order, such as by day. The labels differ, as Mermaid takes equal ones for one. It is
// empty if all counts are zero.
func chartBar(title, unit string, parts []slice) string {
	highest := 0
	labels, counts := make([]string, len(parts)), make([]string, len(parts))
	for i, s := range parts {
		highest = max(highest, s.n)
		labels[i], counts[i] = fmt.Sprintf("%q", s.label), fmt.Sprint(s.n)
	}
	if highest == 0 {
		return ""
	}
	lines := []string{
		chartColor, "xychart-beta", fmt.Sprintf("  title %q", title), "  x-axis [" + strings.Join(labels, ", ") + "]",
		fmt.Sprintf("  y-axis %q 0 --> %d", unit, highest), "  bar [" + strings.Join(counts, ", ") + "]",
	}
	return fence("mermaid", strings.Join(lines, "\n")) + "\n"
}
