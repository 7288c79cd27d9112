package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
)

// A newValue is a value to write: its CUE on one line, and as decoded JSON.
type newValue struct {
	text   string
	plain  any
	record record // not nil if it is better written one field a line
	listed bool   // it is a list of that record
}

// A record is a struct whose fields have an order that people expect.
type record []entry

// An entry is a field of a record. The value is anything that encoding/json can encode.
type entry struct {
	key   string
	value any
}

// MarshalJSON implements json.Marshaler.
func (r record) MarshalJSON() ([]byte, error) {
	m := make(map[string]any, len(r))
	for _, e := range r {
		m[e.key] = e.value
	}
	return json.Marshal(m)
}

// literalOf writes a value as CUE on one line, and decodes it as JSON.
func literalOf(value any) (newValue, error) {
	plain, err := plainOf(value)
	if err != nil {
		return newValue{}, err
	}
	lit := newValue{plain: plain}
	var b strings.Builder
	if r, ok := value.(record); ok {
		lit.record = r
		if err := writeRecord(&b, r, "{", ", ", "}", 0); err != nil {
			return newValue{}, err
		}
	} else if err := writeLiteral(&b, plain); err != nil {
		return newValue{}, err
	}
	lit.text = b.String()
	return lit, nil
}

// listOf is a literal as the only element of a list.
func listOf(lit newValue) newValue {
	return newValue{text: "[" + lit.text + "]", plain: []any{lit.plain}, record: lit.record, listed: true}
}

// tall is the literal one field a line, for a place that is indented like this.
func (l newValue) tall(indent, unit, eol string) string {
	if l.record == nil {
		return l.text
	}
	width := 0
	for _, e := range l.record {
		width = max(width, len(label(e.key)))
	}
	var b strings.Builder
	next := eol + indent + unit
	_ = writeRecord(&b, l.record, "{"+next, next, eol+indent+"}", width) // it was written on one line already
	if l.listed {
		return "[" + b.String() + "]"
	}
	return b.String()
}

func writeRecord(b *strings.Builder, r record, begin, between, end string, width int) error {
	b.WriteString(begin)
	for i, e := range r {
		if i > 0 {
			b.WriteString(between)
		}
		name := label(e.key)
		b.WriteString(name + ": " + strings.Repeat(" ", max(0, width-len(name))))
		plain, err := plainOf(e.value)
		if err != nil {
			return err
		}
		if err := writeLiteral(b, plain); err != nil {
			return err
		}
	}
	b.WriteString(end)
	return nil
}

// plainOf is a value as encoding/json decodes it with UseNumber.
func plainOf(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode the value: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var plain any
	if err := dec.Decode(&plain); err != nil {
		return nil, fmt.Errorf("encode the value: %w", err)
	}
	return plain, nil
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

// expression is the literal as syntax.
func (l newValue) expression() (ast.Expr, error) { return parser.ParseExpr("", l.text) }

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
