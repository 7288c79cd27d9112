package takeover

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// A piece is a part of a text: literal, a reference such as "${key.arn}", or an expression of a plan's
// template such as #tenant.name.
type piece struct {
	kind pieceKind
	text string
}

type pieceKind int

const (
	literal pieceKind = iota
	reference
	expression
)

// A target is something that a text may stand for: an output of another resource.
type target struct {
	text    string // what stands in the text
	written string // the reference to it
	kind    string
	name    string // in the plan; empty for a resource of the cell
	whole   bool   // it means the target only if it is the whole of a text
	only    string // the attribute in which it means the target; empty for all
}

// A linker turns the ARNs and names of other resources into references to them, so that a second
// tenant refers to its own. It refers in one direction only: where the kind may refer to the other
// by its driver's word, and never in a circle.
type linker struct {
	kinds   map[string]resource.Kind
	targets []target
	edges   map[string][]string // from resource to resource
}

// linker knows what the pairs and the cell's resources are called.
func (o Order) linker(pairs []Pair) *linker {
	l := &linker{kinds: o.Kinds, edges: map[string][]string{}}
	for _, p := range pairs {
		l.add(p.Name, "${"+p.Name, p.Found.Kind, p.Found.Outputs)
	}
	for _, f := range o.Found {
		if f.Fleet == o.Fleet && f.Address.Owner == resource.Cell(o.Tenant.Cell) {
			l.add("", "${cell."+f.Address.Name, f.Kind, f.Outputs)
		}
	}
	slices.SortStableFunc(l.targets, func(a, b target) int {
		return cmp.Or(cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.written, b.written))
	})
	return l
}

func (l *linker) add(name, written, kind string, outputs map[string]string) {
	put := func(text, output, only string) {
		if text != "" {
			l.targets = append(l.targets, target{text, written + "." + output + "}", kind, name, only != "", only})
		}
	}
	arn := outputs["arn"]
	put(arn, "arn", "")
	if strings.Contains(outputs["url"], "://") {
		put(outputs["url"], "url", "")
	}
	put(outputs["name"], "name", "dimensions")
	if kind != "aws.kms.key" {
		return
	}
	// A key may be named by its id or its alias, and is the same key.
	put(outputs["id"], "arn", "kmsKey")
	put(outputs["alias"], "arn", "kmsKey")
	put(strings.Replace(arn, ":key/"+outputs["id"], ":"+outputs["alias"], 1), "arn", "kmsKey")
}

// link splits a text of an attribute into what is literal and what refers to others.
func (l *linker) link(from Pair, path []string, text string) []piece {
	if path[0] == "tags" || path[0] == "description" || identity(l.kinds[from.Found.Kind], path[0]) {
		return []piece{{literal, text}}
	}
	for _, t := range l.targets {
		if !l.may(from, t) {
			continue
		}
		if t.whole {
			if t.text == text && slices.Contains(path, t.only) {
				l.refer(from, t)
				return []piece{{reference, t.written}}
			}
			continue
		}
		if at := find(text, t.text); at >= 0 {
			l.refer(from, t)
			before, after := text[:at], text[at+len(t.text):]
			return slices.Concat(l.link(from, path, before), []piece{{reference, t.written}}, l.link(from, path, after))
		}
	}
	if text == "" {
		return nil
	}
	return []piece{{literal, text}}
}

// may tells whether a resource may refer to a target.
func (l *linker) may(from Pair, t target) bool {
	if t.name == "" {
		return true // the cell's resources are there before its tenants'
	}
	kind := l.kinds[from.Found.Kind]
	if t.kind != from.Found.Kind && !slices.Contains(kind.Uses, t.kind) {
		return false
	}
	return t.name != from.Name && !l.leads(t.name, from.Name)
}

func (l *linker) refer(from Pair, t target) {
	if t.name != "" {
		l.edges[from.Name] = append(l.edges[from.Name], t.name)
	}
}

// leads tells whether references lead from one resource to another. They make no circle, so this ends.
func (l *linker) leads(from, to string) bool {
	return slices.ContainsFunc(l.edges[from], func(next string) bool { return next == to || l.leads(next, to) })
}

// find returns where a word stands in a text, as a whole: no letter, digit or anything else that
// names are made of is next to it. -1 if nowhere.
func find(text, word string) int {
	for from := 0; word != "" && from <= len(text)-len(word); {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return -1
		}
		at += from
		if (at == 0 || !inName(text[at-1])) && (at+len(word) == len(text) || !inName(text[at+len(word)])) {
			return at
		}
		from = at + 1
	}
	return -1
}

func inName(c byte) bool {
	return c == '-' || c == '_' || c == '.' || alphanumeric(c)
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// A word is a text that a template has an expression for.
type word struct{ text, expression string }

// generalise replaces the words in the literal pieces, each where it stands as a word of its own: a
// tenant called "acme" is in "acme-data" and not in "acmecorp".
func generalise(pieces []piece, words []word) []piece {
	for _, w := range words {
		var out []piece
		for _, p := range pieces {
			out = append(out, p.replace(w)...)
		}
		pieces = out
	}
	return pieces
}

func (p piece) replace(w word) []piece {
	if p.kind != literal || w.text == "" {
		return []piece{p}
	}
	var out []piece
	rest, from := p.text, 0
	for {
		at := strings.Index(rest[from:], w.text)
		if at < 0 {
			break
		}
		at += from
		end := at + len(w.text)
		if at > 0 && alphanumeric(rest[at-1]) || end < len(rest) && alphanumeric(rest[end]) {
			from = at + 1
			continue
		}
		if at > 0 {
			out = append(out, piece{literal, rest[:at]})
		}
		out = append(out, piece{expression, w.expression})
		rest, from = rest[end:], 0
	}
	if rest != "" {
		out = append(out, piece{literal, rest})
	}
	return out
}

// placeholder is what definitions take for a reference.
var placeholder = regexp.MustCompile(`\$?\$\{([^{}]*)\}?`)

// escape writes a literal text so that nothing in it passes for a reference: a plain "${" is "$${"
// in a definition, but for IAM's own variables, such as "${aws:username}".
func escape(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(match string) string {
		if !strings.HasPrefix(match, "$$") && strings.Contains(match, ":") && strings.HasSuffix(match, "}") {
			return match
		}
		return "$" + match
	})
}
