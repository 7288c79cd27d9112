package schema

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// insert adds a field to the innermost struct in braces that the path leads through, or to the file.
func (d *document) insert(path []string, found [][]*occurrence, lit newValue) (*document, error) {
	for depth := len(path) - 1; depth >= 1; depth-- {
		at := found[depth-1]
		if len(at) == 0 {
			continue
		}
		for _, p := range slices.Backward(at) {
			if s := braced(p.value); s != nil && p.computed == nil {
				return d.insertField(&s.Elts, s, path, depth, lit)
			}
		}
		if !slices.ContainsFunc(at, func(p *occurrence) bool { return p.computed == nil && p.implicit() }) {
			return nil, d.noStruct(at, path[:depth])
		}
	}
	return d.insertField(&d.syntax.Decls, nil, path, 0, lit)
}

// noStruct says why nothing can be added to a value.
func (d *document) noStruct(at []*occurrence, path []string) error {
	n, err := d.written(at)
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s is %s at %s, and nothing can be added to it", ErrNotEditable, strings.Join(path, "."), show(n), d.at(at[0].value))
}

// insertField adds what is left of a path after depth to a struct in braces, or to the file if home is nil.
func (d *document) insertField(decls *[]ast.Decl, home *ast.StructLit, path []string, depth int, lit newValue) (*document, error) {
	name := d.chain(*decls, path[depth:])
	parsed, err := parser.ParseFile("", name+lit.text)
	if err != nil || len(parsed.Decls) != 1 {
		return nil, fmt.Errorf("%w: %q can't be written: %w", ErrNotEditable, name+lit.text, err)
	}
	after := d.predecessor(*decls, path, depth)
	change := func() { *decls = slices.Insert(*decls, after+1, parsed.Decls[0]) }
	switch {
	case after >= 0 && (home != nil || begins(*decls, path[depth]) != nil):
		return d.apply(change, d.nextField(*decls, after, name, lit)...)
	case home != nil && len(home.Elts) == 0:
		return d.apply(change, d.first(home.Lbrace.Offset(), home.Rbrace.Offset(), lit, name, "")...)
	case home != nil:
		return nil, d.computed(home)
	}
	after = len(*decls) - 1
	return d.apply(change, d.last(name, lit))
}

// tenantOrder is the order in which people find a tenant's fields in the reference.
var tenantOrder = []string{"name", "displayName", "plan", "cell", "lifecycle", "residency", "contacts", "domains", "overrides", "adopt"}

// predecessor is the declaration after which a new field belongs: one that begins alike, or the one
// that the reference has before it, or the last; -1 if there is none.
func (d *document) predecessor(decls []ast.Decl, path []string, depth int) int {
	if f := begins(decls, path[depth]); f != nil {
		return slices.Index(decls, ast.Decl(f))
	}
	last, before := -1, -1
	mine := slices.Index(tenantOrder, path[depth])
	for i, decl := range decls {
		switch decl := decl.(type) {
		case *ast.Ellipsis, *ast.Package, *ast.ImportDecl, *ast.CommentGroup, *ast.Attribute:
		case *ast.Field:
			last = i
			name, _ := nameIn(decl.Label)
			if at := slices.Index(tenantOrder, name); depth == 2 && path[0] == "tenant" && at >= 0 && at < mine {
				before = i
			}
		default:
			last = i
		}
	}
	if before >= 0 {
		return before
	}
	return last
}

// chain writes the names of nested fields, in quotes if those around are.
func (d *document) chain(decls []ast.Decl, path []string) string {
	quote := false
	for _, decl := range decls {
		if f, ok := decl.(*ast.Field); ok {
			if l, ok := f.Label.(*ast.BasicLit); ok {
				name, _ := nameIn(l)
				quote = quote || label(name) != quoteText(name)
			}
		}
	}
	var b strings.Builder
	for _, name := range path {
		text := label(name)
		if quote {
			text = quoteText(name)
		}
		b.WriteString(text + ": ")
	}
	return b.String()
}

// A line is what follows a value on its line.
type line struct {
	end   int  // of the line, without the line break
	ends  bool // nothing follows but a comma and a comment
	comma bool
}

func (d *document) lineOf(end int) line {
	rest := d.restOfLine(end)
	after := strings.TrimSpace(rest)
	after, comma := strings.CutPrefix(after, ",")
	after = strings.TrimSpace(after)
	return line{end: end + len(rest), ends: after == "" || strings.HasPrefix(after, "//"), comma: comma}
}

// nextField writes a field behind another: on a line of its own, or behind a comma if something
// follows on the same line.
func (d *document) nextField(decls []ast.Decl, after int, name string, lit newValue) []splice {
	sibling := decls[after]
	from, end := sibling.Pos().Offset(), d.end(sibling)
	line := d.lineOf(end)
	if !line.ends {
		return []splice{{end, end, ", " + name + lit.text}}
	}
	indent := d.indentation(from)
	if !d.startsLine(from) {
		indent += d.unit()
	}
	text := d.eol() + indent + d.aligned(sibling, name, lit) + lit.tall(indent, d.unit(), d.eol())
	switch {
	case line.comma:
		return []splice{{line.end, line.end, text + ","}}
	case after > 0 && d.lineOf(d.end(decls[after-1])).comma && d.lineOf(d.end(decls[after-1])).ends: // as in JSON
		return []splice{{end, end, ","}, {line.end, line.end, text}}
	}
	return []splice{{line.end, line.end, text}}
}

// aligned is a field's name with as much space behind it as the formatter gives to it below a sibling.
func (d *document) aligned(sibling ast.Decl, name string, lit newValue) string {
	f, ok := sibling.(*ast.Field)
	if !ok || lit.record != nil || strings.Count(name, ": ") > 1 || strings.ContainsAny(lit.text[:1], "{[") {
		return name
	}
	switch f.Value.(type) {
	case *ast.StructLit, *ast.ListLit:
		return name
	}
	width := f.Value.Pos().Offset() - f.Pos().Offset()
	if d.lineStart(f.Pos().Offset()) != d.lineStart(d.end(f)) || width <= len(name) || !d.formatted() {
		return name
	}
	return name + strings.Repeat(" ", width-len(name))
}

// formatted tells whether the file is as the formatter would have it.
func (d *document) formatted() bool {
	text, err := format.Source(d.text)
	return err == nil && bytes.Equal(text, d.text)
}

// first writes the first element between braces or brackets: on a line of its own if they are on
// different lines.
func (d *document) first(open, shut int, lit newValue, name, comma string) []splice {
	within := d.text[open+1 : shut]
	if !bytes.Contains(within, []byte("\n")) {
		text := lit.text
		if d.startsLine(d.lineStart(open)+len(d.indentation(open))) && d.lineOf(shut+1).ends && comma != "" {
			text = lit.tall(d.indentation(open), d.unit(), d.eol())
		}
		return []splice{{open + 1, shut, name + text}}
	}
	indent := d.indentation(open) + d.unit()
	at := open + 1 + len(d.restOfLine(open+1))
	return []splice{{at, at, d.eol() + indent + name + lit.tall(indent, d.unit(), d.eol()) + comma}}
}

// last writes a field at the end of the file.
func (d *document) last(name string, lit newValue) splice {
	text := name + lit.tall("", d.unit(), d.eol()) + d.eol()
	if end := len(d.text); end > 0 {
		text = d.eol() + text
		if d.text[end-1] != '\n' {
			text = d.eol() + text
		}
	}
	return splice{len(d.text), len(d.text), text}
}

// remove takes a field out wherever it is written, with the fields that hold nothing else.
func (d *document) remove(path []string) (*document, error) {
	next := d
	for {
		at := next.find(path)[len(path)-1]
		if len(at) == 0 {
			return next, nil
		}
		if _, err := next.written(at); err != nil {
			return nil, err
		}
		p := at[len(at)-1]
		for p.up != nil && p.up.implicit() && p.up.field != nil {
			p = p.up
		}
		if p.list != nil || p.field.Constraint != token.ILLEGAL {
			return nil, d.computed(p.value)
		}
		var err error
		i := p.index()
		if next, err = next.apply(func() { *p.decls = slices.Delete(*p.decls, i, i+1) }, next.cut(p.field)); err != nil {
			return nil, err
		}
	}
}

// removeElement takes an element out of a list.
func (d *document) removeElement(path []string, index int) (*document, error) {
	at := d.find(path)[len(path)-1]
	if len(at) == 0 {
		return nil, fmt.Errorf("%w: there is no such list", ErrNotEditable)
	}
	list, err := d.literalList(at)
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= len(list.Elts) {
		return nil, fmt.Errorf("%w: the list at %s has %d elements", ErrNotEditable, d.at(list), len(list.Elts))
	}
	element := list.Elts[index]
	return d.apply(func() { list.Elts = slices.Delete(list.Elts, index, index+1) }, d.cut(element))
}

// cut takes a field or an element out: whole lines with the comments above and behind if it has its
// lines for itself, else up to its comma.
func (d *document) cut(n ast.Node) splice {
	from, to := n.Pos().Offset(), d.end(n)
	line := d.lineOf(to)
	if line.ends && d.startsLine(from) {
		return d.cutLines(d.lineStart(from), min(line.end+len(d.eol()), len(d.text)))
	}
	rest := d.text[to:]
	blank := len(rest) - len(bytes.TrimLeft(rest, " \t"))
	before := bytes.TrimRight(d.text[:from], " \t\r\n")
	switch {
	case bytes.HasPrefix(rest[blank:], []byte(",")):
		to += blank + 1
		to += len(d.text[to:]) - len(bytes.TrimLeft(d.text[to:], " \t"))
		if strings.TrimSpace(d.restOfLine(to)) == "" {
			from = len(bytes.TrimRight(d.text[:from], " \t"))
		}
	case bytes.HasSuffix(before, []byte(",")) && !bytes.Contains(d.text[len(before):from], []byte("\n")):
		from = len(before) - 1
	}
	return splice{from, to, ""}
}

// cutLines takes lines out, the comments directly above them, and an empty line that would be one too many.
func (d *document) cutLines(from, to int) splice {
	above := func() string { return strings.TrimSpace(string(d.text[d.lineStart(from-1) : from-1])) }
	for from > 0 && strings.HasPrefix(above(), "//") {
		from = d.lineStart(from - 1)
	}
	below := strings.TrimSpace(d.restOfLine(to))
	closes := strings.HasPrefix(below, "}") || strings.HasPrefix(below, "]")
	switch {
	case from == 0:
	case above() == "" && (below == "" || closes):
		from = d.lineStart(from - 1)
	case below == "" && to < len(d.text) && strings.ContainsAny(above()[len(above())-1:], "{["):
		to = min(to+len(d.restOfLine(to))+len(d.eol()), len(d.text))
	}
	return splice{from, to, ""}
}
