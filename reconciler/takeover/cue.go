package takeover

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"

	"tenantry.dev/reconciler/resource"
)

// A writer writes values as CUE. pieces says what the texts of an attribute are made of.
type writer struct {
	pieces func(path []string, text string) []piece
}

// value writes the value of an attribute.
func (w writer) value(attribute string, v resource.Value) (string, error) {
	plain, err := plainOf(v)
	if err != nil {
		return "", err
	}
	return w.write([]string{attribute}, tidy(attribute, plain)), nil
}

// plainOf decodes a value that isn't secret, numbers as they are written.
func plainOf(v resource.Value) (any, error) {
	text, err := v.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("read a value: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var plain any
	if err := dec.Decode(&plain); err != nil {
		return nil, fmt.Errorf("read a value: %w", err)
	}
	return plain, nil
}

// tidy leaves out what a definition needn't say: the members of a bucket's rules and encryption that
// are empty, the usual version of a policy document, the list around a single action.
func tidy(attribute string, v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = tidy(attribute, v[i])
		}
		return v
	case map[string]any:
		if _, document := v["Statement"]; document {
			return tidyDocument(v)
		}
		for key, member := range v {
			quiet := attribute == "lifecycle" || attribute == "encryption"
			if quiet && (member == "" || member == json.Number("0")) {
				delete(v, key)
				continue
			}
			v[key] = tidy(attribute, member)
		}
		return v
	}
	return v
}

func tidyDocument(document map[string]any) any {
	if document["Version"] == "2012-10-17" {
		delete(document, "Version")
	}
	statements, _ := document["Statement"].([]any)
	for _, s := range statements {
		statement, _ := s.(map[string]any)
		for _, key := range []string{"Action", "NotAction", "Resource", "NotResource"} {
			if one, ok := statement[key].([]any); ok && len(one) == 1 {
				statement[key] = one[0]
			}
		}
		for _, key := range []string{"Principal", "NotPrincipal"} {
			whom, _ := statement[key].(map[string]any)
			for kind, list := range whom {
				if one, ok := list.([]any); ok && len(one) == 1 {
					whom[kind] = one[0]
				}
			}
		}
	}
	return document
}

// inline is how long a struct or a list may be to stand on one line.
const inline = 72

func (w writer) write(path []string, v any) string {
	switch v := v.(type) {
	case string:
		return quote(w.pieces(path, v))
	case []any:
		parts := make([]string, len(v))
		for i, element := range v {
			parts[i] = w.write(append(slices.Clip(path), strconv.Itoa(i)), element)
		}
		return wrap("[", parts, "]")
	case map[string]any:
		keys := slices.SortedFunc(maps.Keys(v), inDocumentOrder)
		parts := make([]string, len(keys))
		for i, key := range keys {
			parts[i] = w.label(path, key) + ": " + w.write(append(slices.Clip(path), key), v[key])
		}
		return wrap("{", parts, "}")
	case json.Number:
		return number(v)
	case nil:
		return "null" // no attribute is; the evaluator refuses it
	}
	return fmt.Sprint(v)
}

// wrap puts parts between brackets, on one line if they are short.
func wrap(open string, parts []string, closing string) string {
	one := open + strings.Join(parts, ", ") + closing
	switch {
	case len(one) <= inline && !strings.Contains(one, "\n"), len(parts) == 0:
		return one
	case len(parts) == 1 && open == "[":
		return open + parts[0] + closing
	}
	return open + "\n" + strings.Join(parts, ",\n") + ",\n" + closing
}

// documentOrder is how people write the parts of a policy statement.
var documentOrder = []string{
	"Version", "Id", "Statement", "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}

func inDocumentOrder(a, b string) int {
	i, j := slices.Index(documentOrder, a), slices.Index(documentOrder, b)
	if i >= 0 && j >= 0 {
		return i - j
	}
	return strings.Compare(a, b)
}

// label writes a key, which may depend on the tenant as any text may.
func (w writer) label(path []string, key string) string {
	if pieces := w.pieces(append(slices.Clip(path), key), key); len(pieces) == 1 && pieces[0].kind == literal {
		return label(key)
	} else if len(pieces) > 0 {
		return `"` + inner(pieces) + `"`
	}
	return label(key)
}

// quote writes a text: an expression alone as it is, anything else between quotation marks.
func quote(pieces []piece) string {
	if len(pieces) == 1 && pieces[0].kind == expression {
		return pieces[0].text
	}
	return `"` + inner(pieces) + `"`
}

func inner(pieces []piece) string {
	var b strings.Builder
	for _, p := range pieces {
		switch p.kind {
		case expression:
			b.WriteString(`\(` + p.text + `)`)
		case reference:
			b.WriteString(p.text)
		default:
			b.WriteString(quoted(escape(p.text)))
		}
	}
	return b.String()
}

// quoted is a text as it stands between quotation marks: JSON's escapes are CUE's.
func quoted(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a text can be encoded
	out := strings.TrimSuffix(b.String(), "\n")
	return out[1 : len(out)-1]
}

var plainLabel = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)

// label writes a key, in quotes where CUE needs them.
func label(name string) string {
	switch name {
	case "true", "false", "null", "for", "in", "if", "let", "package", "import", "func":
		return `"` + name + `"`
	}
	if plainLabel.MatchString(name) {
		return name
	}
	return `"` + quoted(name) + `"`
}

// number writes a number without an exponent, which plain data may not have.
func number(n json.Number) string {
	if !strings.ContainsAny(n.String(), "eE") {
		return n.String()
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// formatted is a file as cue fmt leaves it.
func formatted(text string) ([]byte, error) {
	out, err := format.Source([]byte(text), format.Simplify())
	if err != nil {
		return nil, fmt.Errorf("format what was written: %w", err)
	}
	return out, nil
}

// fields returns the fields of the struct at a path of a file, by the lines that they are on.
func fields(file []byte, path ...string) []span {
	f, err := parser.ParseFile("", file)
	if err != nil {
		return nil
	}
	decls := f.Decls
	for _, name := range path {
		next := fieldOf(decls, name)
		if next == nil {
			return nil
		}
		decls = declsOf(next.Value)
	}
	var out []span
	for _, d := range decls {
		if field, ok := d.(*ast.Field); ok {
			name, _, _ := ast.LabelName(field.Label)
			out = append(out, span{name, field.Pos().Line(), field.End().Line()})
		}
	}
	return out
}

// A span is where a field stands.
type span struct {
	name     string
	from, to int
}

// at returns the field on a line; "" if there is none.
func at(spans []span, line int) string {
	for _, s := range spans {
		if s.from <= line && line <= s.to {
			return s.name
		}
	}
	return ""
}

func fieldOf(decls []ast.Decl, name string) *ast.Field {
	for _, d := range decls {
		if field, ok := d.(*ast.Field); ok {
			if n, _, err := ast.LabelName(field.Label); err == nil && n == name {
				return field
			}
		}
	}
	return nil
}

func declsOf(x ast.Expr) []ast.Decl {
	switch x := x.(type) {
	case *ast.StructLit:
		return x.Elts
	case *ast.BinaryExpr:
		return append(declsOf(x.X), declsOf(x.Y)...)
	}
	return nil
}
