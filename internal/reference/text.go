// Package reference writes what the schema says of itself: for a terminal, and as the pages of
// docs/reference. It is pure: documentation in, text out.
package reference

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"tenantry.dev/schema"
)

// width is how long a line of prose may get on a terminal.
const width = 100

// A Style marks words on a terminal. The zero value marks nothing.
type Style struct{ Color bool }

func (s Style) bold(text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[1m" + text + "\x1b[0m"
}

func (s Style) dim(text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[2m" + text + "\x1b[0m"
}

// Overview lists everything that can be explained.
func Overview(m *schema.Manual, style Style) (string, error) {
	definitions, kinds, parts := m.Chapters()
	var b strings.Builder
	for _, group := range []struct {
		title string
		names []string
	}{{"Definitions", definitions}, {"Kinds of resources", kinds}, {"Parts of these", parts}} {
		fmt.Fprintf(&b, "%s\n", style.bold(group.title))
		var rows [][]string
		for _, name := range group.names {
			d, err := m.Explain(name, false)
			if err != nil {
				return "", err
			}
			rows = append(rows, []string{name, firstSentence(d.Text)})
		}
		b.WriteString(table(rows, "  ", style) + "\n")
	}
	b.WriteString("tenantry explain PATH says more, as in: tenantry explain tenant.contacts, tenantry explain aws.s3.bucket.versioning\n")
	return b.String(), nil
}

// Text explains one path on a terminal.
func Text(d schema.Doc, style Style) string {
	var b strings.Builder
	b.WriteString(style.bold(d.Path))
	for _, word := range headline(d) {
		b.WriteString(" · " + word)
	}
	b.WriteString("\n")
	for paragraph := range strings.SplitSeq(d.Text, "\n") {
		if paragraph != "" {
			b.WriteString("\n" + wrap(paragraph, "  "))
		}
	}
	if rows := facts(d); len(rows) > 0 {
		b.WriteString("\n" + table(rows, "  ", style))
	}
	if d.Example.Text != "" {
		b.WriteString("\n  " + style.dim(exampleTitle(d.Example)) + "\n\n" + indent(d.Example.Text, "    ") + "\n")
	}
	if len(d.Fields) > 0 {
		b.WriteString("\n" + style.bold("Fields") + "\n" + table(fieldRows(d, d.Fields), "  ", style))
		fmt.Fprintf(&b, "\n%stenantry explain %s.FIELD says more; --recursive shows all levels.\n", legend(d.Fields), d.Path)
	}
	if d.See != "" {
		fmt.Fprintf(&b, "\nIts fields are those of %s: tenantry explain %[1]s\n", d.See)
	}
	return b.String()
}

// legend explains the mark of required fields, if there are any.
func legend(fields []schema.Doc) string {
	if slices.ContainsFunc(fields, func(f schema.Doc) bool { return f.Required }) {
		return "* must be written. "
	}
	return ""
}

// Tree shows all levels of fields below a path.
func Tree(d schema.Doc, style Style) string {
	var b strings.Builder
	b.WriteString(style.bold(d.Path))
	for _, word := range headline(d) {
		b.WriteString(" · " + word)
	}
	b.WriteString("\n")
	var rows [][]string
	var add func(d schema.Doc, parent schema.Doc, indent string)
	add = func(d, parent schema.Doc, indent string) {
		rows = append(rows, []string{indent + nameIn(d, parent), d.Type, short(d)})
		for _, f := range d.Fields {
			add(f, d, indent+"  ")
		}
	}
	for _, f := range d.Fields {
		add(f, d, "")
	}
	b.WriteString(table(rows, "  ", style))
	return b.String()
}

// headline says what something is in a few words.
func headline(d schema.Doc) []string {
	var words []string
	switch {
	case d.Kind != nil:
		words = append(words, "kind of resource")
	case !strings.Contains(d.Path, "."):
		words = append(words, "definition")
	default:
		words = append(words, d.Type)
	}
	if d.Required {
		words = append(words, "required")
	}
	return words
}

// facts are what is said of a path besides its documentation: a name and a sentence each.
func facts(d schema.Doc) [][]string {
	var rows [][]string
	add := func(name, text string) {
		if text != "" {
			rows = append(rows, []string{name, text})
		}
	}
	add("takes", takes(d))
	add("default", defaults(d))
	if k := d.Kind; k != nil {
		add("lives in", map[bool]string{true: "an account; it has no region", false: "an account and a region"}[k.Global])
		add("removal", map[bool]string{true: "it holds data, so it is retired and never deleted", false: "it holds no data and is deleted"}[k.DataBearing])
		add("outputs", outputs(k.Outputs))
		add("refers to", strings.Join(k.Uses, ", "))
	}
	if a := d.Attribute; a != nil {
		add("change", changing(*a))
		add("drift", drifting(d))
		if a.PlanOnly {
			add("overrides", "a tenant can't add names to those that the plan has")
		}
	}
	add("AWS", d.AWS)
	return rows
}

func takes(d schema.Doc) string {
	switch {
	case d.Constant:
		return d.Default + ", and nothing else"
	case d.Takes != "":
		return d.Takes
	}
	return ""
}

func defaults(d schema.Doc) string {
	switch {
	case d.Constant || d.Default == "":
		return ""
	case d.Derived:
		return "made of the names of the fleet, the owner and the resource, such as " + d.Default
	}
	return d.Default
}

func outputs(list []string) string {
	var out []string
	for _, name := range list {
		out = append(out, "${NAME."+name+"}")
	}
	if len(out) == 0 {
		return ""
	}
	return strings.Join(out, ", ") + ", where NAME is the resource's name in the plan"
}

func changing(a schema.AttributeDoc) string {
	switch {
	case a.Immutable && a.Holds:
		return "only by a replacement, which is refused because it would destroy what the resource holds"
	case a.Immutable:
		return "replaces the resource: it is deleted and made again"
	}
	return "made in place"
}

func drifting(d schema.Doc) string {
	text := "a change in the cloud counts, whether the definitions mention it or not"
	if d.Attribute.Mentioned {
		text = "a change in the cloud counts if the definitions mention it; what AWS fills in by itself doesn't, but for policies"
	}
	switch {
	case d.Attribute.Name == "tags":
		text += "; tags that begin with aws: or tenantry: don't"
	case d.Attribute.Set:
		text += "; the order of the list means nothing"
	}
	return text
}

func exampleTitle(e schema.Example) string {
	if e.File == "" {
		return "For example:"
	}
	return fmt.Sprintf("For example, %s:%d:", e.File, e.Line)
}

// fieldRows are a line per field: name, type, and the shortest useful description.
func fieldRows(parent schema.Doc, fields []schema.Doc) [][]string {
	var rows [][]string
	for _, f := range fields {
		rows = append(rows, []string{nameIn(f, parent), f.Type, short(f)})
	}
	return rows
}

func nameIn(d, parent schema.Doc) string {
	name := strings.TrimPrefix(d.Path, parent.Path+".")
	if d.Required {
		name += " *"
	}
	return name
}

// short is a description in one line.
func short(d schema.Doc) string {
	var parts []string
	switch {
	case d.Text != "":
		parts = append(parts, firstSentence(d.Text))
	case d.Constant:
		parts = append(parts, "always "+d.Default)
	case d.Takes != "":
		parts = append(parts, d.Takes)
	}
	if d.Text != "" && len(d.Choices) > 0 && !d.Constant {
		parts = append(parts, d.Takes)
	}
	if d.Default != "" && !d.Constant && !d.Derived {
		parts = append(parts, "default "+d.Default)
	}
	if d.See != "" {
		parts = append(parts, "see "+d.See)
	}
	return strings.Join(parts, "; ")
}

// firstSentence ends at the first full stop that a new sentence follows.
func firstSentence(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	for at := 0; ; {
		i := strings.Index(text[at:], ". ")
		if i < 0 {
			return strings.TrimSuffix(text, ".")
		}
		at += i + len(". ")
		if first, _ := utf8.DecodeRuneInString(text[at:]); strings.ToUpper(string(first)) == string(first) {
			return text[:at-len(". ")]
		}
	}
}

// table aligns rows; the last column isn't padded, and is wrapped below itself.
func table(rows [][]string, margin string, style Style) string {
	const gap, widest = 3, 44
	var widths []int
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			if len(widths) <= i {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], min(widest, utf8.RuneCountInString(cell)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line, at := margin, len(margin)
		for i, cell := range row[:len(row)-1] {
			padded := cell + strings.Repeat(" ", max(1, widths[i]-utf8.RuneCountInString(cell)+gap))
			at += widths[i] + gap
			if i > 0 {
				padded = style.dim(padded)
			}
			line += padded
		}
		last := strings.TrimSpace(wrapTo(row[len(row)-1], strings.Repeat(" ", at), max(30, width+20-at)))
		b.WriteString(strings.TrimRight(line+last, " ") + "\n")
	}
	return b.String()
}

func wrap(text, margin string) string { return wrapTo(text, margin, width-len(margin)) }

// wrapTo breaks lines at spaces.
func wrapTo(text, margin string, most int) string {
	var b strings.Builder
	length := 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case length == 0:
			b.WriteString(margin)
		case length+1+n > most:
			b.WriteString("\n" + margin)
			length = 0
		default:
			b.WriteString(" ")
			length++
		}
		b.WriteString(word)
		length += n
	}
	return b.String() + "\n"
}

func indent(text, margin string) string {
	return margin + strings.ReplaceAll(strings.ReplaceAll(text, "\t", "    "), "\n", "\n"+margin)
}
