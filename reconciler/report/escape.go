// Package report turns changesets, outcomes and audit entries into what people and programs read:
// terminal text, Markdown for pull requests and checks, JSON. It is pure; equal input gives equal
// bytes.
//
// Everything that comes from the cloud or from a definition is hostile until it is escaped: it must
// not break out of a table, forge a section, notify people, or move a terminal's cursor.
package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible shows what a terminal or a browser would act on or hide: control characters, invisible
// and direction-changing ones become escapes, and bytes that are no text become U+FFFD.
func visible(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// cut shortens text to so many characters, the last of which then is an ellipsis.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// tame tells whether text can stand between single backticks, in a table as well.
func tame(text string) bool {
	return text != "" && text == strings.TrimSpace(text) && !strings.ContainsAny(text, "`|\\")
}

// code writes text as Markdown code in a line or a cell of a table. In code nothing is a link, a
// mention or HTML.
func code(text string) string {
	text = visible(text)
	if tame(text) {
		return "`" + text + "`"
	}
	if text == "" {
		return ""
	}
	return "<code>" + entities(text, func(r rune) bool { return true }) + "</code>"
}

// prose writes text as Markdown prose in a line or a cell of a table, or as the text of an HTML
// element. It reads as it is written: nothing in it is formatting, HTML, a link or a mention.
func prose(text string) string {
	text = visible(text)
	const gap = "&#8203;" // a space without width
	out := entities(text, func(r rune) bool { return !strings.ContainsRune(".,;:'\"()%/=+-?–—…→·@#", r) })
	// GitHub looks for mentions and links in what is left after the Markdown is read, so that an
	// entity wouldn't stop it; a gap does.
	for _, at := range []string{"@", "#"} {
		out = strings.ReplaceAll(strings.ReplaceAll(out, "&"+at, "\x00"), at, at+gap)
		out = strings.ReplaceAll(out, "\x00", "&"+at)
	}
	out = strings.ReplaceAll(out, "://", ":"+gap+"//")
	return unlink(out, gap)
}

// unlink puts a gap into "www." in any case.
func unlink(text, gap string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		b.WriteByte(text[i])
		if i >= 2 && strings.HasPrefix(text[i+1:], ".") && strings.EqualFold(text[i-2:i+1], "www") {
			b.WriteString(gap)
		}
	}
	return b.String()
}

// entities writes runes that aren't letters, digits or plain spaces, and that odd picks, as
// character references.
func entities(text string, odd func(rune) bool) string {
	var b strings.Builder
	for _, r := range text {
		if r == ' ' || unicode.IsLetter(r) || unicode.IsDigit(r) || !odd(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "&#%d;", r)
		}
	}
	return b.String()
}

// fence puts lines into a code block that nothing in them can end.
func fence(language, text string) string {
	ticks := "```"
	for strings.Contains(text, ticks) {
		ticks += "`"
	}
	return ticks + language + "\n" + strings.TrimSuffix(text, "\n") + "\n" + ticks + "\n"
}

// table writes a Markdown table. The cells are escaped already.
func table(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(head)
	rule := make([]string, len(head))
	for i := range rule {
		rule[i] = "---"
	}
	line(rule)
	for _, row := range rows {
		line(row)
	}
	return b.String()
}

// count is "1 tenant", "2 tenants".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
