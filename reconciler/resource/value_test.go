package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"strings"
	"testing"
	"text/template"

	"pgregory.net/rapid"
)

const canary = "hunter2-canary"

// holder has a Value where package fmt can't call its methods.
type holder struct {
	hidden Value
	list   []Value
	byName Attributes
}

func secrets() map[string]any {
	v := String(canary).AsSecret()
	list := v.with(`["` + canary + `"]`)
	return map[string]any{
		"value":              v,
		"pointer":            &v,
		"list":               list,
		"attributes":         Attributes{"password": v},
		"desired":            Desired{Attributes: Attributes{"password": v}},
		"pointer to desired": &Desired{Attributes: Attributes{"password": v}},
		"observed":           Observed{Attributes: Attributes{"password": v}},
		"kind":               Kind{Attributes: []Attribute{{Name: "password", Default: v}}},
		"unexported fields":  holder{hidden: v, list: []Value{v}, byName: Attributes{"password": v}},
		"pointer to them":    &holder{hidden: v, list: []Value{v}, byName: Attributes{"password": v}},
		"slice":              []Value{v},
		"array":              [1]Value{v},
		"key of a map":       map[Value]int{v: 1},
		"any":                []any{v, &v, map[string]any{"v": v}},
		"member":             mustMembers(v.with(`{"password":"` + canary + `"}`)),
		"object":             Object(map[string]Value{"password": v}),
		"sealed":             v.Seal(),
	}
}

func mustMembers(v Value) map[string]Value {
	in, ok := v.Members()
	if !ok {
		panic("not an object")
	}
	return in
}

// A secret in any shape, printed in any way, doesn't show.
func TestNothingPrintsASecret(t *testing.T) {
	const verbs = "vTtbcdoOqxXUeEfFgGsp"
	for name, shape := range secrets() {
		t.Run(name, func(t *testing.T) {
			var printed []string
			for _, verb := range verbs {
				for _, flags := range []string{"", "+", "#", "-", " ", "0", "20", ".3", "+#", "+.40"} {
					printed = append(printed, fmt.Sprintf("%"+flags+string(verb), shape))
				}
			}
			printed = append(printed, fmt.Sprint(shape), fmt.Sprintln(shape), fmt.Errorf("wrapped: %v", shape).Error())
			if text, err := json.Marshal(shape); err == nil {
				printed = append(printed, string(text))
			}
			printed = append(printed, logged(shape)...)
			var b bytes.Buffer
			if err := template.Must(template.New("").Parse("{{.}} {{printf \"%v %#v\" . .}}")).Execute(&b, shape); err == nil {
				printed = append(printed, b.String())
			}
			for _, text := range printed {
				if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", canary)) || strings.Contains(text, fmt.Sprintf("%X", canary)) {
					t.Errorf("it shows: %s", text)
				}
			}
		})
	}
}

func logged(shape any) []string {
	var text, object bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&object, nil)} {
		log := slog.New(handler)
		log.Info("m", "shape", shape)
		log.Info("m", slog.Group("g", slog.Any("shape", shape)))
		log.With("shape", shape).Error("m", "err", fmt.Errorf("failed with %v: %w", shape, errors.New("x")))
	}
	return []string{text.String(), object.String()}
}

func TestTextOfValues(t *testing.T) {
	key := Ref{Address: Address{Tenant("acme"), "aws.kms.key", "key"}, Output: "arn"}
	for _, c := range []struct{ reason, text, want string }{
		{"a string is shown without quotes", `"a\"b"`, `a"b`},
		{"a number as it is", `1.50`, `1.5`},
		{"an object as JSON with sorted keys", `{"b":1, "a":[true,null]}`, `{"a":[true,null],"b":1}`},
		{"an open reference by its name", `"` + key.Placeholder() + `"`, "(known after apply: acme/key.arn)"},
		{"also in a longer text", `"` + key.Placeholder() + `/x"`, "(known after apply: acme/key.arn)/x"},
		{"and inside an object", `{"a":1,"k":"` + key.Placeholder() + `"}`, `{"a":1,"k":"(known after apply: acme/key.arn)"}`},
		{"null is not unset", `null`, `null`},
		{"an IAM variable is plain text", `"${aws:username}"`, "${aws:username}"},
		{"HTML isn't escaped", `"<a&b>"`, "<a&b>"},
	} {
		v, err := ParseValue([]byte(c.text))
		if err != nil {
			t.Fatalf("%s: %v", c.reason, err)
		}
		if got := v.Text(); got != c.want {
			t.Errorf("%s: Text(%s) = %s, want %s", c.reason, c.text, got, c.want)
		}
	}
	if got := (Value{}).Text(); got != "" {
		t.Errorf("an unset value is shown as %q", got)
	}
}

func TestNumbersAreCanonical(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"0", "0"},
		{"-0", "0"},
		{"-0.0", "0"},
		{"0e9", "0"},
		{"1e-400", "0"},
		{"7", "7"},
		{"7.0", "7"},
		{"70e-1", "7"},
		{"0.7e1", "7"},
		{"1e3", "1000"},
		{"1E+3", "1000"},
		{"-5", "-5"},
		{"-5.50", "-5.5"},
		{"1e-7", "1e-07"},
		{"0.0000001", "1e-07"},
		{"9223372036854775807", "9223372036854775807"},
		{"9223372036854775808", "9223372036854775808"},
		{"18446744073709551615", "18446744073709551615"},
		{"1e15", "1000000000000000"},
		{"1e21", "1000000000000000000000"},
		{"1000000000000000000000", "1000000000000000000000"},
		{"1e23", "100000000000000000000000"},
		{"100000000000000000000000", "100000000000000000000000"},
		{"1e400", "1e400"},
	} {
		v, err := ParseValue([]byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		if v.Reveal() != c.want {
			t.Errorf("%s is written %s, want %s", c.text, v.Reveal(), c.want)
		}
	}
}

// Whole numbers of any size that differ stay different.
func TestNumbersKeepTheirDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "n"))
		v, err := ParseValue([]byte(n.String()))
		if err != nil || v.Reveal() != n.String() {
			t.Fatalf("%s is written %s (%v)", n, v.Reveal(), err)
		}
	})
}

func TestParseValueRefuses(t *testing.T) {
	for _, text := range []string{"", " ", "{", `{"a":1}x`, "1 2", "nul", `"a`, "[1,]", "01", "+1", "NaN"} {
		if v, err := ParseValue([]byte(text)); err == nil {
			t.Errorf("ParseValue(%q) = %v", text, v)
		}
	}
}

func TestMakers(t *testing.T) {
	of := func(v any) Value {
		out, err := Of(v)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range []struct{ got, want Value }{
		{String("a"), of("a")},
		{Bool(true), of(true)},
		{Int(-3), of(-3)},
		{Int(3), of(3.0)},
		{Value{}, of(nil)},
		{of(map[string]any{"b": 1, "a": "x"}), of(struct {
			A string `json:"a"`
			B int    `json:"b"`
		}{"x", 1})},
	} {
		if c.got != c.want {
			t.Errorf("%s isn't %s", c.got, c.want)
		}
	}
	if _, err := Of(func() {}); err == nil {
		t.Error("a function became a value")
	}
}

func TestSecretsAreCompared(t *testing.T) {
	one, other := String("one").AsSecret(), String("other").AsSecret()
	for _, c := range []struct {
		reason string
		a, b   Value
		equal  bool
	}{
		{"equal secrets", one, String("one").AsSecret(), true},
		{"different secrets", one, other, false},
		{"a secret and its seal", one, one.Seal(), true},
		{"a seal and its secret", one.Seal(), one, true},
		{"another's seal", one, other.Seal(), false},
		{"equal seals", one.Seal(), one.Seal().Seal(), true},
		{"a secret and the same in plain", one, String("one"), false},
		{"unset and unset", Value{}, Value{}, true},
		{"unset and a secret", Value{}, one, false},
	} {
		if c.a.Equal(c.b) != c.equal {
			t.Errorf("%s: Equal is %v", c.reason, !c.equal)
		}
	}
	if one == other || one != String("one").AsSecret() {
		t.Error("== doesn't compare what secrets hold")
	}
	if (Value{}).AsSecret().IsSet() {
		t.Error("marking an unset value made one")
	}
	if strings.Contains(one.Sealed(), "one") || String("one").Sealed() != `"one"` {
		t.Error("Sealed seals what isn't secret, or not what is")
	}
}

func TestMembersAndObject(t *testing.T) {
	v, _ := ParseValue([]byte(`{"b":{"c":[1,2]},"a":"x"}`))
	in, ok := v.Members()
	if !ok || in["a"] != String("x") || in["b"].Reveal() != `{"c":[1,2]}` {
		t.Fatalf("Members(%s) = %v, %v", v, in, ok)
	}
	if got := Object(in); got != v {
		t.Errorf("Object(Members(v)) = %s, want %s", got, v)
	}
	in["a"] = Value{}
	if got := Object(in).Reveal(); got != `{"b":{"c":[1,2]}}` {
		t.Errorf("without a: %s", got)
	}
	for _, text := range []string{`[]`, `"{}"`, `null`, `1`} {
		v, _ := ParseValue([]byte(text))
		if _, ok := v.Members(); ok {
			t.Errorf("%s has members", text)
		}
	}
	if _, ok := (Value{}).Members(); ok {
		t.Error("an unset value has members")
	}
	secret := v.AsSecret()
	in, _ = secret.Members()
	if !in["a"].IsSecret() || !Object(in).IsSecret() || Object(in) != secret {
		t.Error("secrecy is lost between a whole and its members")
	}
	if _, ok := secret.Seal().Members(); ok {
		t.Error("a sealed object has members")
	}
}

type settings struct {
	Name  string            `json:"name"`
	Count int               `json:"count,omitempty"`
	Tags  map[string]string `json:"tags,omitempty"`
	Other *string           `json:"other"`
}

func TestAttributesAndStructs(t *testing.T) {
	in := settings{Name: "<x>", Count: 3, Tags: map[string]string{"b": "1", "a": "2"}}
	attributes, err := AttributesOf(in)
	if err != nil {
		t.Fatal(err)
	}
	if _, there := attributes["other"]; there || len(attributes) != 3 {
		t.Errorf("null fields are attributes: %v", attributes)
	}
	attributes["name"] = attributes["name"].AsSecret()
	var out settings
	if err := attributes.Decode(&out); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(out) != fmt.Sprint(in) {
		t.Errorf("decoded %v, want %v", out, in)
	}
	attributes["typo"] = Int(1)
	if err := attributes.Decode(&out); err == nil {
		t.Error("an attribute that the struct doesn't have was dropped")
	}
	if _, err := AttributesOf([]int{1}); err == nil {
		t.Error("a list became attributes")
	}
}

// Only providers may call Reveal; this package's tests may, for they check it.
func TestGoldenMask(t *testing.T) {
	want, err := os.ReadFile("testdata/masked.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, _ := ParseValue([]byte(`{"Statement":[{"Resource":"<${tenant/acme/aws.kms.key/key#arn}>"}]}`))
	got, err := json.MarshalIndent(map[string]Value{
		"unset": {}, "secret": String(canary).AsSecret(), "sealed": String(canary).AsSecret().Seal(), "string": String("é<\u2028"),
		"number": Int(5), "list": mustParse(`[ 1.0, {"b":2,"a":1} ]`), "open": doc,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(want)) {
		t.Errorf("values as JSON:\n%s", got)
	}
}

func mustParse(text string) Value {
	v, err := ParseValue([]byte(text))
	if err != nil {
		panic(err)
	}
	return v
}

// What is secret in parts prints the rest, stays so when its references are filled in, and can be made
// secret as a whole.
func TestAVeiledValueShowsAllButItsSecrets(t *testing.T) {
	v, err := ParseValue([]byte(`{"image": "app", "key": "${tenant/acme/aws.kms.key/key#arn}", "password": "hunter2"}`))
	if err != nil {
		t.Fatal(err)
	}
	mask := func(v any) any {
		if in, ok := v.(map[string]any); ok && in["password"] != nil {
			in["password"] = Masked
		}
		return v
	}
	veiled := v.Veil(mask)
	if !veiled.IsSecret() || !veiled.Veiled() || v.Veiled() || veiled.Reveal() != v.Reveal() || veiled.Veil(mask) != veiled {
		t.Errorf("%v of %v", veiled, v)
	}
	known := veiled.Resolve(func(Ref) (string, bool) { return "arn:key", true })
	for _, text := range []string{veiled.Text(), known.Text(), fmt.Sprintf("%#v", known), fmt.Sprintf("%+v", struct{ V Value }{known})} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "app") || !strings.Contains(text, Masked) {
			t.Error(text)
		}
	}
	if !strings.Contains(known.Reveal(), "hunter2") || !strings.Contains(known.Reveal(), "arn:key") || !strings.Contains(known.Text(), "arn:key") {
		t.Errorf("%s prints %s", known.Reveal(), known)
	}
	if whole := veiled.AsSecret(); whole.Text() != Masked || !whole.Equal(veiled) {
		t.Errorf("as a whole: %v", whole)
	}
	members, _ := veiled.Members()
	if members["image"].Text() != Masked {
		t.Errorf("a part of it is %v; nobody knows which it is", members["image"])
	}
	if plain := v.Veil(func(v any) any { return v }); plain != v {
		t.Errorf("with nothing to mask: %v", plain)
	}
}
