package schema

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// maxEditDepth is how deep a file may be nested for an edit. People's files stay far below it.
const maxEditDepth = 200

// A document is a CUE file and its syntax. It serves one step of an edit, which changes the syntax.
type document struct {
	name   string // for messages; may be empty
	text   []byte
	syntax *ast.File
}

func newDocument(name string, text []byte) (*document, error) {
	f, err := parser.ParseFile(name, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	depth, deepest := 0, 0
	ast.Walk(f, func(ast.Node) bool {
		depth++
		deepest = max(deepest, depth)
		return depth <= 4*maxEditDepth
	}, func(ast.Node) { depth-- })
	if deepest > 4*maxEditDepth { // a level has a field, a value, a unification …
		return nil, errors.New("it is nested too deep")
	}
	return &document{name, text, f}, nil
}

// A splice puts text in the place of some bytes.
type splice struct {
	from, to int
	text     string
}

// apply makes splices in the text, and a change in the syntax that should come to the same. It returns
// the new document only if they do, and if every comment outside of the splices is kept.
func (d *document) apply(change func(), splices ...splice) (*document, error) {
	var out []byte
	at := 0
	var kept []string
	all := comments(d.syntax)
	for _, s := range splices {
		if s.from < at || s.to < s.from || s.to > len(d.text) {
			return nil, fmt.Errorf("%w: the value has no place in the file", ErrNotEditable)
		}
		for _, c := range all {
			if from := c.Slash.Offset(); from >= at && from < s.from {
				kept = append(kept, c.Text)
			}
		}
		kept = append(kept, commentsIn(s.text)...)
		out = append(append(out, d.text[at:s.from]...), s.text...)
		at = s.to
	}
	for _, c := range all {
		if c.Slash.Offset() >= at {
			kept = append(kept, c.Text)
		}
	}
	next, err := newDocument(d.name, append(out, d.text[at:]...))
	if err != nil {
		return nil, fmt.Errorf("%w: the result would not be valid CUE: %s", ErrNotEditable, firstLine(err.Error()))
	}
	var now []string
	for _, c := range comments(next.syntax) {
		now = append(now, c.Text)
	}
	if !slices.Equal(kept, now) {
		return nil, fmt.Errorf("%w: a comment would be lost", ErrNotEditable)
	}
	change()
	if shapeOf(d.syntax) != shapeOf(next.syntax) {
		return nil, fmt.Errorf("%w: more than this field would change", ErrNotEditable)
	}
	return next, nil
}

// comments are the comments of a file in their order.
func comments(f *ast.File) []*ast.Comment {
	var all []*ast.Comment
	ast.Walk(f, func(n ast.Node) bool {
		if group, ok := n.(*ast.CommentGroup); ok {
			all = append(all, group.List...)
			return false
		}
		for _, group := range ast.Comments(n) {
			all = append(all, group.List...)
		}
		return true
	}, nil)
	slices.SortFunc(all, func(a, b *ast.Comment) int { return a.Slash.Offset() - b.Slash.Offset() })
	return slices.CompactFunc(all, func(a, b *ast.Comment) bool { return a.Slash.Offset() == b.Slash.Offset() })
}

// commentsIn are the comments in what a splice writes again: at the ends of its lines.
func commentsIn(text string) []string {
	var out []string
	f, err := parser.ParseFile("", "x: ["+strings.TrimPrefix(strings.TrimLeft(text, " \t"), ",")+"\n]", parser.ParseComments)
	if err != nil {
		return nil
	}
	for _, c := range comments(f) {
		out = append(out, c.Text)
	}
	return out
}

// shapeOf is a file's syntax as text, without places and comments.
func shapeOf(f *ast.File) string {
	var b strings.Builder
	writeShape(&b, reflect.ValueOf(f.Decls))
	return b.String()
}

var posType = reflect.TypeFor[token.Pos]()

func writeShape(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			b.WriteByte('-')
			return
		}
		writeShape(b, v.Elem())
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if _, comment := reflect.TypeAssert[*ast.CommentGroup](v.Index(i)); !comment {
				writeShape(b, v.Index(i))
				b.WriteByte(' ')
			}
		}
		b.WriteByte(']')
	case reflect.Struct:
		b.WriteString(v.Type().Name() + "{")
		for i := range v.NumField() {
			switch f := v.Type().Field(i); {
			case !f.IsExported() || f.Type == posType || f.Name == "Scope" || f.Name == "Node": // what a name refers to
			default:
				writeShape(b, v.Field(i))
				b.WriteByte(' ')
			}
		}
		b.WriteByte('}')
	default:
		fmt.Fprintf(b, "%q", fmt.Sprint(v.Interface()))
	}
}

// end is the offset behind a node. The parser drops carriage returns from texts of several lines, so
// that the ends which it gives are too small in files from Windows.
func (d *document) end(n ast.Node) int {
	switch n := n.(type) {
	case *ast.Field:
		if len(n.Attrs) == 0 {
			return d.end(n.Value)
		}
	case *ast.EmbedDecl:
		return d.end(n.Expr)
	case *ast.StructLit:
		if !n.Rbrace.IsValid() && len(n.Elts) > 0 {
			return d.end(n.Elts[len(n.Elts)-1])
		}
	case *ast.UnaryExpr:
		return d.end(n.X)
	case *ast.BinaryExpr:
		return d.end(n.Y)
	case *ast.Interpolation:
		return d.end(n.Elts[len(n.Elts)-1])
	case *ast.BasicLit:
		at := n.Pos().Offset()
		for i := 0; i < len(n.Value) && at < len(d.text); at++ {
			if d.text[at] == n.Value[i] {
				i++
			}
		}
		return at
	}
	return n.End().Offset()
}

// restOfLine is what stands between an offset and the end of its line, without the line break.
func (d *document) restOfLine(at int) string {
	rest, _, _ := bytes.Cut(d.text[at:], []byte("\n"))
	return strings.TrimSuffix(string(rest), "\r")
}

// lineStart is the offset at which the line of an offset begins.
func (d *document) lineStart(at int) int { return bytes.LastIndexByte(d.text[:at], '\n') + 1 }

// startsLine tells whether nothing but white space stands before an offset on its line.
func (d *document) startsLine(at int) bool {
	return len(bytes.Trim(d.text[d.lineStart(at):at], " \t\ufeff")) == 0
}

// indentation is the white space that the line of an offset begins with.
func (d *document) indentation(at int) string {
	line := d.text[d.lineStart(at):]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// unit is by how much the file indents: a tab, or the spaces that its first indented line begins with.
func (d *document) unit() string {
	for line := range bytes.Lines(d.text) {
		switch trimmed := bytes.TrimLeft(line, " "); {
		case line[0] == '\t':
			return "\t"
		case len(trimmed) < len(line) && len(bytes.TrimSpace(trimmed)) > 0:
			return string(line[:len(line)-len(trimmed)])
		}
	}
	return "\t"
}

// eol is how the file ends its lines.
func (d *document) eol() string {
	if i := bytes.IndexByte(d.text, '\n'); i > 0 && d.text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}
