package resource

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Value is the value of an attribute: canonical JSON text with a secret bit. Two values mean the
// same if and only if they are equal by ==, so values can be compared, hashed and used as keys.
//
// The zero Value is unset, which differs from null. A Value may hold references to outputs that
// are known only after another resource exists; see Refs.
//
// Every way of printing a Value masks a secret and shows an open reference as
// "(known after apply: acme/key.arn)". Only Reveal returns what is inside, and only providers,
// which must send it, may call it.
type Value struct {
	text   string
	secret bool
}

// Masked is what a secret prints as.
const Masked = "(secret)"

// String, Bool and Int make values of the plain types.
func String(s string) Value { return Value{text: encode(s)} }

// Bool makes a boolean value.
func Bool(b bool) Value { return Value{text: strconv.FormatBool(b)} }

// Int makes a whole number.
func Int(n int64) Value { return Value{text: strconv.FormatInt(n, 10)} }

// Of makes a value of anything that encoding/json can encode. A nil interface gives an unset Value.
func Of(v any) (Value, error) {
	if v == nil {
		return Value{}, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return Value{}, fmt.Errorf("value of %T: %w", v, err)
	}
	return ParseValue(text)
}

// ParseValue reads JSON and makes it canonical: keys sorted, no white space, numbers in their
// shortest form.
func ParseValue(text []byte) (Value, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return Value{}, fmt.Errorf("value: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Value{}, fmt.Errorf("value: something follows the JSON")
	}
	return Value{text: encode(v)}, nil
}

// IsSet tells whether there is a value at all.
func (v Value) IsSet() bool { return v.text != "" }

// IsSecret tells whether the value is masked when printed.
func (v Value) IsSecret() bool { return v.secret }

// AsSecret returns the value marked as a secret.
func (v Value) AsSecret() Value {
	v.secret = v.IsSet()
	return v
}

// Reveal returns the canonical JSON, secrets included. For providers alone.
func (v Value) Reveal() string { return v.text }

// Equal tells whether two values mean the same. A sealed secret equals the secret that it seals.
func (v Value) Equal(other Value) bool {
	if v == other {
		return true
	}
	return v.secret && other.secret && v.Seal() == other.Seal()
}

const sealed = `"sealed:sha256:`

// Seal returns a secret as a hash that can be stored and compared but not read. Values that
// aren't secret are returned as they are. Sealing twice changes nothing.
func (v Value) Seal() Value {
	if !v.secret || strings.HasPrefix(v.text, sealed) {
		return v
	}
	sum := sha256.Sum256([]byte(v.text))
	v.text = sealed + hex.EncodeToString(sum[:]) + `"`
	return v
}

// Text returns the value for people: a string without its quotes, anything else as JSON, a secret
// masked, an open reference named.
func (v Value) Text() string {
	switch {
	case !v.IsSet():
		return ""
	case v.secret:
		return Masked
	}
	if refs := v.Refs(); len(refs) > 0 {
		return "(known after apply: " + refs[0].short() + ")"
	}
	var s string
	if json.Unmarshal([]byte(v.text), &s) == nil {
		return s
	}
	return v.text
}

func (v Value) String() string { return v.Text() }

// Format makes every verb of package fmt print Text, so that no verb leaks.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, v.Text()) }

// LogValue is what log/slog prints.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.Text()) }

// MarshalJSON writes the value for people and programs to read: secrets masked, open references
// as text, unset as null. Package store keeps values by Encode instead.
func (v Value) MarshalJSON() ([]byte, error) {
	switch {
	case !v.IsSet():
		return []byte("null"), nil
	case v.secret || !v.Known():
		return []byte(encode(v.Text())), nil
	}
	return []byte(v.text), nil
}

// sorted orders the elements of a list and drops repetitions.
func (v Value) sorted() Value {
	var list []any
	if v.decode(&list) != nil {
		return v
	}
	texts := make([]string, len(list))
	for i, element := range list {
		texts[i] = encode(element)
	}
	slices.Sort(texts)
	v.text = "[" + strings.Join(slices.Compact(texts), ",") + "]"
	return v
}

func (v Value) decode(into any) error {
	dec := json.NewDecoder(strings.NewReader(v.text))
	dec.UseNumber()
	return dec.Decode(into)
}

// Attributes are the values of a resource by attribute name.
type Attributes map[string]Value

// Decode fills a struct whose json tags name the attributes. For providers alone: secrets are
// decoded as they are. An attribute that the struct doesn't have is an error.
func (a Attributes) Decode(into any) error {
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(a)) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s:%s", encode(name), cmpOr(a[name].text, "null"))
	}
	b.WriteByte('}')
	dec := json.NewDecoder(strings.NewReader(b.String()))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("attributes: %w", err)
	}
	return nil
}

// AttributesOf is the inverse of Decode: it makes attributes of a struct's fields by their json
// names. Fields left out by omitempty are unset.
func AttributesOf(v any) (Attributes, error) {
	whole, err := Of(v)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(whole.text), &fields); err != nil {
		return nil, fmt.Errorf("attributes of %T: %w", v, err)
	}
	out := make(Attributes, len(fields))
	for name, text := range fields {
		if string(text) == "null" {
			continue
		}
		out[name] = Value{text: string(text)}
	}
	return out, nil
}

// encode writes canonical JSON: maps with sorted keys, no HTML escapes, integers without exponent.
func encode(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// Only types that JSON itself gave us, or plain ones, come here: encoding can't fail.
	_ = enc.Encode(canonicalNumbers(v))
	return strings.TrimSuffix(b.String(), "\n")
}

func canonicalNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, element := range v {
			v[key] = canonicalNumbers(element)
		}
	case []any:
		for i, element := range v {
			v[i] = canonicalNumbers(element)
		}
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n
		}
		if f, err := strconv.ParseFloat(string(v), 64); err == nil {
			if n := int64(f); float64(n) == f && f > -1e15 && f < 1e15 {
				return n
			}
			return f
		}
	}
	return v
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
