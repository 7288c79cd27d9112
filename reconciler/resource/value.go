package resource

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unique"
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
	// text is the canonical JSON of what isn't secret; of a value that is secret in parts, the canonical
	// JSON with Masked in their places.
	text string
	// hidden has the canonical JSON of a secret. It is a handle and not a string because package
	// fmt prints the unexported fields of a struct, such as one with a Value in it, without asking
	// any method; of a handle it prints an address.
	hidden unique.Handle[string]
}

// raw is the canonical JSON, whether secret or not; empty if unset.
func (v Value) raw() string {
	if v.IsSecret() {
		return v.hidden.Value()
	}
	return v.text
}

// with returns a value of another text that is as secret as v.
func (v Value) with(text string) Value {
	if v.IsSecret() {
		return Value{hidden: unique.Make(text)}
	}
	return Value{text: text}
}

// Masked is what a secret prints as.
const Masked = "(secret)"

// String makes a value of a text.
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
	if tidied, ok := tidy(text); ok {
		return Value{text: tidied}, nil
	}
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
func (v Value) IsSet() bool { return v.text != "" || v.IsSecret() }

// IsSecret tells whether the value, or a part of it, is masked when printed.
func (v Value) IsSecret() bool { return v.hidden != unique.Handle[string]{} }

// AsSecret returns the value marked as a secret as a whole.
func (v Value) AsSecret() Value {
	if !v.IsSet() || v.IsSecret() {
		return Value{hidden: v.hidden}
	}
	return Value{hidden: unique.Make(v.text)}
}

// Veil makes parts of a value secret: mask gets the value as encoding/json decodes it, numbers as
// json.Number, and returns it with Masked in the place of what must not be shown. A value with nothing of
// the sort, and one that is secret as a whole, stays as it is.
func (v Value) Veil(mask func(any) any) Value {
	var decoded any
	if !v.IsSet() || v.IsSecret() && !v.Veiled() || v.decode(&decoded) != nil {
		return v
	}
	raw := v.raw()
	if view := encode(mask(decoded)); view != raw {
		return Value{text: view, hidden: unique.Make(raw)}
	}
	return Value{text: raw}
}

// Veiled tells whether the value is secret in parts, so that the rest of it may be shown.
func (v Value) Veiled() bool { return v.IsSecret() && v.text != "" }

// Reveal returns the canonical JSON, secrets included. For providers alone.
func (v Value) Reveal() string { return v.raw() }

// Equal tells whether two values mean the same. A sealed secret equals the secret that it seals.
func (v Value) Equal(other Value) bool {
	if v == other {
		return true
	}
	return v.IsSecret() && other.IsSecret() && v.Seal() == other.Seal()
}

const sealed = `"sealed:sha256:`

// Seal returns a secret as a hash that can be stored and compared but not read. Values that
// aren't secret are returned as they are. Sealing twice changes nothing.
func (v Value) Seal() Value {
	if !v.IsSecret() || strings.HasPrefix(v.raw(), sealed) {
		return v
	}
	sum := sha256.Sum256([]byte(v.raw()))
	return v.with(sealed + hex.EncodeToString(sum[:]) + `"`)
}

// Sealed returns the canonical JSON with a secret sealed: for hashing and for keeping.
func (v Value) Sealed() string { return v.Seal().raw() }

// Members returns the members of an object, each as secret as the whole; false for anything else.
func (v Value) Members() (map[string]Value, bool) {
	text := v.raw()
	if !strings.HasPrefix(text, "{") {
		return nil, false
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &fields) != nil {
		return nil, false
	}
	out := make(map[string]Value, len(fields))
	for name, field := range fields {
		out[name] = v.with(string(field))
	}
	return out, true
}

// Object is the inverse of Members. Members that are unset are left out; one secret member makes
// the whole secret.
func Object(members map[string]Value) Value {
	var b strings.Builder
	b.WriteByte('{')
	secret := false
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !members[name].IsSet() {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(encode(name) + ":" + members[name].raw())
		secret = secret || members[name].IsSecret()
	}
	b.WriteByte('}')
	if secret {
		return Value{hidden: unique.Make(b.String())}
	}
	return Value{text: b.String()}
}

// Text returns the value for people: a string without its quotes, anything else as JSON, a secret
// masked, an open reference named.
func (v Value) Text() string {
	switch {
	case !v.IsSet():
		return ""
	case v.IsSecret() && !v.Veiled():
		return Masked
	}
	text := v.named().text
	var s string
	if strings.HasPrefix(text, `"`) && json.Unmarshal([]byte(text), &s) == nil {
		return s
	}
	return text
}

// named replaces open references by what people read for them.
func (v Value) named() Value {
	return v.Resolve(func(r Ref) (string, bool) { return "(known after apply: " + r.short() + ")", true })
}

func (v Value) String() string { return v.Text() }

// Format makes every verb of package fmt print Text, so that no verb leaks.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, v.Text()) }

// LogValue is what log/slog prints.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.Text()) }

// MarshalJSON writes the value for people and programs to read: secrets masked, open references
// named, unset as null. To keep values, use Encode instead.
func (v Value) MarshalJSON() ([]byte, error) {
	switch {
	case !v.IsSet():
		return []byte("null"), nil
	case v.IsSecret() && !v.Veiled():
		return []byte(encode(Masked)), nil
	}
	return []byte(v.named().text), nil
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
	return v.with("[" + strings.Join(slices.Compact(texts), ",") + "]")
}

func (v Value) decode(into any) error {
	dec := json.NewDecoder(strings.NewReader(v.raw()))
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
		fmt.Fprintf(&b, "%s:%s", encode(name), cmp.Or(a[name].raw(), "null"))
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
	whole, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("attributes of %T: %w", v, err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(whole, &fields); err != nil {
		return nil, fmt.Errorf("attributes of %T: %w", v, err)
	}
	out := make(Attributes, len(fields))
	for name, text := range fields {
		if string(text) == "null" {
			continue
		}
		if out[name], err = ParseValue(text); err != nil {
			return nil, fmt.Errorf("attribute %s of %T: %w", name, v, err)
		}
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
		return json.Number(canonicalNumber(string(v)))
	}
	return v
}

// canonicalNumber writes a JSON number in one way: whole numbers by their digits, however large,
// and others as the shortest text that reads back as the same float64.
func canonicalNumber(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		if text == "-0" {
			return "0"
		}
		return text
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil: // beyond float64
		return text
	case f == 0:
		return "0"
	case f == math.Trunc(f):
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
