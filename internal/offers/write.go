package offers

import (
	"fmt"
	"strings"

	pretty "github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Markdown is the comparison as a page.
func (c Comparison) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Plans of %s\n\n", escape(c.Fleet))
	b.WriteString("| |")
	for _, p := range c.Plans {
		b.WriteString(" " + escape(p.DisplayName) + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(c.Plans)) + "\n")
	for _, part := range c.Parts {
		fmt.Fprintf(&b, "| **%s** |%s\n", escape(part.Title), strings.Repeat(" |", len(c.Plans)))
		for _, r := range part.Rows {
			b.WriteString("| " + escape(r.Title))
			if r.About != "" {
				b.WriteString("<br><sub>" + escape(r.About) + "</sub>")
			}
			b.WriteString(" |")
			for _, cell := range r.Cells {
				b.WriteString(" " + escape(cell) + " |")
			}
			b.WriteString("\n")
		}
	}
	if len(c.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, n := range c.Notes {
		fmt.Fprintf(&b, "- **%s**: %s\n", escape(n.Of), escape(n.Text))
	}
	return b.String()
}

// escape keeps text from being markup. A cell is one line.
func escape(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`).Replace(s)
}

// Text is the comparison for a terminal. Cells are broken into lines of at most width characters.
func (c Comparison) Text(width int) string {
	w := pretty.NewWriter()
	style := pretty.StyleLight
	style.Format.Header = text.FormatDefault
	w.SetStyle(style)
	head := pretty.Row{""}
	columns := []pretty.ColumnConfig{{Number: 1, WidthMax: width, WidthMaxEnforcer: text.WrapSoft}}
	for i, p := range c.Plans {
		head = append(head, p.DisplayName)
		columns = append(columns, pretty.ColumnConfig{Number: i + 2, WidthMax: width, WidthMaxEnforcer: text.WrapSoft})
	}
	w.SetColumnConfigs(columns)
	w.AppendHeader(head)
	for i, part := range c.Parts {
		if i > 0 {
			w.AppendSeparator()
		}
		w.AppendRow(pretty.Row{part.Title})
		for _, r := range part.Rows {
			row := pretty.Row{"  " + r.Title}
			for _, cell := range r.Cells {
				row = append(row, cell)
			}
			w.AppendRow(row)
		}
	}
	var b strings.Builder
	b.WriteString(w.Render() + "\n")
	for _, n := range c.Notes {
		fmt.Fprintf(&b, "%s: %s\n", n.Of, n.Text)
	}
	return b.String()
}
