package reference

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"tenantry.dev/schema"
)

// Pages are the pages of the reference by file name, made from the definitions and from a fleet that
// shows them in use. The same definitions and the same fleet give the same pages.
func Pages(m *schema.Manual, fleet fs.FS) (map[string]string, error) {
	definitions, kinds, parts := m.Chapters()
	pages := map[string]string{}
	docs := map[string]schema.Doc{}
	for _, name := range slices.Concat(definitions, kinds, parts) {
		d, err := m.Explain(name, true)
		if err != nil {
			return nil, err
		}
		docs[name] = d
		mistakes, err := m.Mistakes(fleet, name, written)
		if err != nil {
			return nil, err
		}
		pages[name+".md"] = page(d, mistakes)
	}
	pages["README.md"] = index(docs, definitions, kinds, parts)
	types, err := Types()
	pages["types.md"] = types
	return pages, err
}

// written is the time as of which mistakes are made: any will do that is always the same.
var written = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

const made = "Written by `make docs` from the definitions in `schema/`. Change those instead.\n"

func index(docs map[string]schema.Doc, definitions, kinds, parts []string) string {
	var b strings.Builder
	b.WriteString("# Reference\n\n" + made)
	b.WriteString("\n`tenantry explain PATH` says the same in a terminal; [cli.md](cli.md) has the commands, and [types.md](types.md) worked examples of\nAWS's resource types, and [watched.md](watched.md) what is compared with the cloud, and what is not.\n")
	for _, group := range []struct {
		title string
		names []string
	}{{"Definitions", definitions}, {"Kinds of resources", kinds}, {"Parts of these", parts}} {
		fmt.Fprintf(&b, "\n## %s\n\n| | |\n|---|---|\n", group.title)
		for _, name := range group.names {
			fmt.Fprintf(&b, "| [%s](%[1]s.md) | %s |\n", name, cell(firstSentence(docs[name].Text)))
		}
	}
	return b.String()
}

// page is a definition's or a kind's page.
func page(d schema.Doc, mistakes []schema.Mistake) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s", d.Path, made)
	paragraphs(&b, d.Text)
	if rows := facts(d); len(rows) > 0 {
		b.WriteString("\n| | |\n|---|---|\n")
		for _, row := range rows {
			fmt.Fprintf(&b, "| %s | %s |\n", row[0], cell(row[1]))
		}
	}
	if d.Example.Text != "" {
		fmt.Fprintf(&b, "\n```cue\n%s\n```\n", d.Example.Text)
	}
	all := flat(d)
	b.WriteString("\n## Fields\n\nThose with * must be written.\n\n| field | type | default | |\n|---|---|---|---|\n")
	for _, f := range all {
		fmt.Fprintf(&b, "| [%s](#%s)%s | %s | %s | %s |\n", below(f, d), anchor(below(f, d)), star(f), cell(f.Type), code(shortDefault(f)), cell(summary(f)))
	}
	for _, f := range all {
		b.WriteString(field(f, d))
	}
	if len(mistakes) > 0 {
		b.WriteString("\n## Mistakes, and what is said of them\n\n| written | |\n|---|---|\n")
		for _, m := range mistakes {
			what := code(m.Written)
			if what == "" {
				what = "(left out)"
			}
			fmt.Fprintf(&b, "| %s | %s |\n", what, cell(m.Says))
		}
	}
	return b.String()
}

// flat lists the fields of all levels.
func flat(d schema.Doc) []schema.Doc {
	var out []schema.Doc
	for _, f := range d.Fields {
		out = append(out, f)
		out = append(out, flat(f)...)
	}
	return out
}

func below(f, root schema.Doc) string { return strings.TrimPrefix(f.Path, root.Path+".") }

// anchor is the id that GitHub gives to a heading of code.
func anchor(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(".#:", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

func star(d schema.Doc) string {
	if d.Required {
		return " *"
	}
	return ""
}

func shortDefault(d schema.Doc) string {
	const most = 40
	if d.Derived || d.Constant || len(d.Default) > most {
		return ""
	}
	return d.Default
}

func summary(d schema.Doc) string {
	switch {
	case d.Constant:
		return "always `" + d.Default + "`"
	case d.Text != "":
		return firstSentence(d.Text)
	}
	return d.Takes
}

// field is the section of one field.
func field(f, root schema.Doc) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### `%s`\n", below(f, root))
	paragraphs(&b, f.Text)
	rows := facts(f)
	if f.Attribute != nil && strings.Count(below(f, root), ".") > 0 {
		rows = slices.DeleteFunc(rows, func(row []string) bool { return row[0] == "change" || row[0] == "drift" || row[0] == "overrides" })
	}
	if len(rows) > 0 {
		b.WriteString("\n")
	}
	for _, row := range rows {
		fmt.Fprintf(&b, "- %s: %s\n", row[0], line(row[1]))
	}
	if f.See != "" {
		fmt.Fprintf(&b, "\nIts fields are those of [%s](%[1]s.md).\n", f.See)
	}
	if f.Example.Text != "" {
		fmt.Fprintf(&b, "\n```cue\n%s\n```\n", f.Example.Text)
	}
	return b.String()
}

func paragraphs(b *strings.Builder, text string) {
	for paragraph := range strings.SplitSeq(text, "\n") {
		if paragraph != "" {
			b.WriteString("\n" + line(paragraph) + "\n")
		}
	}
}

// line keeps prose from being read as Markdown.
func line(text string) string {
	return strings.NewReplacer("<", "&lt;", "*", "\\*", "_", "\\_").Replace(text)
}

// cell is prose in a table.
func cell(text string) string { return strings.ReplaceAll(line(text), "|", "\\|") }

// code is a text as code in a table; nothing if it is empty.
func code(text string) string {
	if text == "" {
		return ""
	}
	fence := "`"
	if strings.Contains(text, "`") {
		fence = "``"
	}
	return fence + strings.ReplaceAll(text, "|", "\\|") + fence
}
