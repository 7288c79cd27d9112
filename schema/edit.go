package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
)

// ErrNotEditable means that a file has no place for a field that a one-field edit could use.
var ErrNotEditable = errors.New("it can't be edited in place")

// SetField sets one field of a CUE file and leaves every other byte as it is, comments included.
// The path is the field's keys from the top of the file; missing structs on the way are added. The
// value is anything that encoding/json can encode. The edit is read again, and is returned only
// if that field is all that it changes.
func SetField(file []byte, path []string, value any) ([]byte, error) {
	name := strings.Join(path, ".")
	if len(path) == 0 || !utf8.ValidString(name) {
		return nil, fmt.Errorf("set a field: %w: %q names none", ErrNotEditable, name)
	}
	f, err := parser.ParseFile("", file, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("set %s: the file is not valid CUE: %w", name, err)
	}
	text, plain, err := literalOf(value)
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", name, err)
	}
	out, err := splice(file, f, path, text)
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", name, err)
	}
	if err := onlyChanges(file, out, path, plain); err != nil {
		return nil, fmt.Errorf("set %s: %w", name, err)
	}
	return out, nil
}

// splice replaces the bytes of a value, or inserts the field.
func splice(file []byte, f *ast.File, path []string, text string) ([]byte, error) {
	if found := locate(f, path); found.depth == len(path) {
		from, to := found.value.Pos().Offset(), found.value.End().Offset()
		if from < 0 || to < from || to > len(file) {
			return nil, fmt.Errorf("%w: the value has no place in the file", ErrNotEditable)
		}
		return slices.Concat(file[:from], []byte(text), file[to:]), nil
	}
	home, depth, sibling := homeOf(f, path)
	var field strings.Builder
	for _, name := range path[depth:] {
		field.WriteString(label(name) + ": ")
	}
	field.WriteString(text)
	switch {
	case home == nil && sibling == nil:
		end := bytes.TrimRight(file, " \t\r\n")
		return slices.Concat(end, []byte("\n\n"+field.String()+"\n")), nil
	case sibling != nil:
		return insertAfter(file, sibling, field.String()), nil
	}
	return insertInto(file, home, field.String())
}

// homeOf finds the innermost struct in braces that the path leads through, how much of the path leads
// there, and the field after which the rest belongs, if there is one that begins alike. The file
// itself is a nil struct.
func homeOf(f *ast.File, path []string) (home *ast.StructLit, depth int, sibling *ast.Field) {
	for d := len(path) - 1; d >= 1; d-- {
		found := locate(f, path[:d])
		if found.depth != d {
			continue
		}
		if s := braced(found.value); s != nil {
			return s, d, begins(s.Elts, path[d])
		}
	}
	return nil, 0, begins(f.Decls, path[0])
}

// braced is the struct in braces that a value writes, if it writes one.
func braced(x ast.Expr) *ast.StructLit {
	switch x := x.(type) {
	case *ast.StructLit:
		if x.Lbrace.IsValid() {
			return x
		}
	case *ast.ParenExpr:
		return braced(x.X)
	case *ast.BinaryExpr:
		if s := braced(x.Y); s != nil {
			return s
		}
		return braced(x.X)
	}
	return nil
}

// begins is the last field of a name.
func begins(decls []ast.Decl, name string) *ast.Field {
	for _, d := range slices.Backward(decls) {
		if f, ok := d.(*ast.Field); ok {
			if n, _, err := ast.LabelName(f.Label); err == nil && n == name {
				return f
			}
		}
	}
	return nil
}

// insertAfter adds a field on a line of its own after another, as deep as that one, or behind a comma
// if something follows on the same line.
func insertAfter(file []byte, sibling *ast.Field, field string) []byte {
	end := sibling.End().Offset()
	rest, _, _ := bytes.Cut(file[end:], []byte("\n"))
	if after := bytes.TrimSpace(rest); len(after) > 0 && !bytes.HasPrefix(after, []byte("//")) {
		return slices.Concat(file[:end], []byte(", "+field), file[end:])
	}
	line := end + len(rest)
	return slices.Concat(file[:line], []byte("\n"+indentation(file, sibling.Pos().Offset())+field), file[line:])
}

// insertInto adds a field at the end of a struct.
func insertInto(file []byte, home *ast.StructLit, field string) ([]byte, error) {
	open, shut := home.Lbrace.Offset(), home.Rbrace.Offset()
	if open < 0 || shut <= open || shut >= len(file) {
		return nil, fmt.Errorf("%w: the braces have no place in the file", ErrNotEditable)
	}
	body := bytes.TrimRight(file[open+1:shut], " \t\r\n")
	switch {
	case bytes.Contains(file[open:shut], []byte("\n")):
		outer := indentation(file, shut)
		return slices.Concat(file[:open+1], body, []byte("\n"+outer+"\t"+field+"\n"+outer), file[shut:]), nil
	case len(bytes.TrimSpace(body)) == 0:
		return slices.Concat(file[:open+1], []byte(field), file[shut:]), nil
	}
	comma := ", "
	if bytes.HasSuffix(body, []byte(",")) {
		comma = " "
	}
	return slices.Concat(file[:open+1], body, []byte(comma+field), file[shut:]), nil
}

// indentation is the white space that the line of an offset begins with.
func indentation(file []byte, offset int) string {
	line := file[bytes.LastIndexByte(file[:offset], '\n')+1:]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// onlyChanges tells whether an edit changed the field of a path to a value, and nothing else.
func onlyChanges(before, after []byte, path []string, want any) error {
	parse := func(text []byte) (*node, bool, error) {
		f, err := parser.ParseFile("", text)
		if err != nil {
			return nil, false, fmt.Errorf("%w: the result is not valid CUE: %s", ErrNotEditable, firstLine(err.Error()))
		}
		n, refused := readData(f)
		return n, len(refused) == 0, nil
	}
	old, wasData, err := parse(before)
	if err != nil {
		return err
	}
	now, isData, err := parse(after)
	if err != nil {
		return err
	}
	if wasData && !isData {
		return fmt.Errorf("%w: the field is given more than once", ErrNotEditable)
	}
	// Of a file that isn't plain data, this compares what is; the rest was not touched.
	expected := setPlain(old.plain(), path, want)
	if wasData && !reflect.DeepEqual(normal(expected), normal(now.plain())) {
		return fmt.Errorf("%w: more than this field would change", ErrNotEditable)
	}
	return nil
}

// normal makes numbers of equal value equal.
func normal(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return v
	}
	var out any
	_ = json.Unmarshal(text, &out) // it was just encoded
	return out
}

// setPlain sets a path in decoded JSON.
func setPlain(v any, path []string, want any) any {
	if len(path) == 0 {
		return want
	}
	m, ok := v.(map[string]any)
	if !ok {
		m = map[string]any{}
	}
	m[path[0]] = setPlain(m[path[0]], path[1:], want)
	return m
}

// literalOf writes a value as CUE on one line, and returns it as decoded JSON as well.
func literalOf(value any) (string, any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", nil, fmt.Errorf("encode the value: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var plain any
	if err := dec.Decode(&plain); err != nil {
		return "", nil, fmt.Errorf("encode the value: %w", err)
	}
	var b strings.Builder
	if err := writeLiteral(&b, plain); err != nil {
		return "", nil, err
	}
	return b.String(), plain, nil
}

func writeLiteral(b *strings.Builder, v any) error {
	switch v := v.(type) {
	case map[string]any:
		b.WriteByte('{')
		for i, key := range sortedKeys(v) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(label(key) + ": ")
			if err := writeLiteral(b, v[key]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, element := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			if err := writeLiteral(b, element); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case json.Number:
		return writeNumber(b, v)
	case string:
		b.WriteString(quoteText(v))
	default:
		fmt.Fprint(b, v)
		if v == nil {
			return fmt.Errorf("%w: null is no value for a definition", ErrNotEditable)
		}
	}
	return nil
}

// writeNumber writes a number without an exponent, which plain data may not have.
func writeNumber(b *strings.Builder, n json.Number) error {
	if !strings.ContainsAny(n.String(), "eE") {
		b.WriteString(n.String())
		return nil
	}
	f, err := n.Float64()
	if err != nil {
		return fmt.Errorf("%w: the number %s", ErrNotEditable, n)
	}
	b.WriteString(strconv.FormatFloat(f, 'f', -1, 64))
	return nil
}

var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)

// label writes a key, in quotes where CUE needs them.
func label(name string) string {
	switch name {
	case "true", "false", "null", "for", "in", "if", "let", "package", "import", "func":
		return quoteText(name)
	}
	if plainName.MatchString(name) {
		return name
	}
	return quoteText(name)
}

// quoteText writes a text as CUE: JSON's escapes are CUE's, but for the slash.
func quoteText(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}
