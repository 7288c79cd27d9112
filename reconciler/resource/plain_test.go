package resource

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// parsed is what ParseValue returns for texts that aren't plain.
func parsed(text string) (string, bool) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil || dec.More() {
		return "", false
	}
	return encode(v), true
}

func TestWhatIsPlainIsCanonical(t *testing.T) {
	for text, plain := range map[string]bool{
		`true`: true, `null`: true, `[]`: true, `{}`: true, `0`: true, `-7`: true, `345600`: true, `""`: true, `"a b<&>~"`: true,
		`1000000000000000`: false, `-0`: false, `07`: false, `1.0`: false, `1e3`: false, `-`: false, ``: false, `"`: false, `"\u0041"`: false,
		"\"\x7f\"": false, `"ä"`: false, `[1]`: false, `tru`: false, `"a"b"`: false, ` 1`: false, `--1`: false, `1-`: false,
	} {
		if got := isPlain([]byte(text)); got != plain {
			t.Errorf("%s is plain: %t", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`-?[0-9]{1,17}(\.[0-9]{1,3})?(e[0-9])?`), rapid.StringMatching(`"[ -~]{0,12}"`), rapid.StringMatching(`[-0-9truefalsn\[\]{}",: ]{0,6}`),
		).Draw(t, "text")
		if !isPlain([]byte(text)) {
			return
		}
		if canonical, valid := parsed(text); !valid || canonical != text {
			t.Fatalf("%s passes for canonical; it is %q, valid %t", text, canonical, valid)
		}
	})
}

func TestAttributesAreCanonicalOneByOne(t *testing.T) {
	got, err := AttributesOf(struct {
		Name  string          `json:"name"`
		Size  float64         `json:"size"`
		Rules json.RawMessage `json:"rules"`
		None  *int            `json:"none"`
	}{"a<b", 3, json.RawMessage(`{"b": 1.0, "a": [ ]}`), nil})
	if err != nil || len(got) != 3 {
		t.Fatalf("%v, %v", got, err)
	}
	for name, want := range map[string]string{"name": `"a<b"`, "size": `3`, "rules": `{"a":[],"b":1}`} {
		if got[name].Reveal() != want {
			t.Errorf("%s is %s, want %s", name, got[name].Reveal(), want)
		}
	}
}

// What is tidied is what is made of it by decoding and encoding; what isn't tidied is no worse off.
func TestTidyingIsEncodingAnew(t *testing.T) {
	for text, want := range map[string]string{
		`{"b": [1, {"z":null,"a":"x"}], "a":{}}`: `{"a":{},"b":[1,{"a":"x","z":null}]}`,
		`[]`:                                     `[]`, " [ \n] ": `[]`, `{"a!":1,"a":2}`: `{"a":2,"a!":1}`,
	} {
		if got, ok := tidy([]byte(text)); !ok || got != want {
			t.Errorf("%s became %s, %t", text, got, ok)
		}
	}
	for _, text := range []string{`{"a":1,"a":2}`, `{"a":1`, `[1,]`, `[,1]`, `{,}`, `{"a"}`, `[1 2]`, `{} {}`, `{"ä":1}`, `[1.0]`, ``, `]`, `{1:2}`, `"a`, strings.Repeat("[", 99) + strings.Repeat("]", 99)} {
		if got, ok := tidy([]byte(text)); ok {
			t.Errorf("%s became %s", text, got)
		}
	}
	atom := rapid.OneOf(rapid.SampledFrom([]string{"true", "null", "-3", "1.50", `"a"`, `"\u00e4<"`, `"b c"`, "[]", "{}", "1e2"}))
	var value func(depth int) *rapid.Generator[string]
	value = func(depth int) *rapid.Generator[string] {
		if depth == 0 {
			return atom
		}
		return rapid.Custom(func(t *rapid.T) string {
			parts := rapid.SliceOfN(value(depth-1), 0, 4).Draw(t, "parts")
			space := rapid.SampledFrom([]string{"", " ", "\n"}).Draw(t, "space")
			if rapid.Bool().Draw(t, "list") {
				return "[" + strings.Join(parts, space+","+space) + space + "]"
			}
			for i := range parts {
				parts[i] = rapid.SampledFrom([]string{`"a"`, `"b"`, `"a b"`, `"-"`, `"\t"`}).Draw(t, "key") + space + ":" + parts[i]
			}
			return "{" + strings.Join(parts, ","+space) + "}"
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(value(3), rapid.StringMatching(`[-01\[\]{}",: a]{0,12}`)).Draw(t, "text")
		got, ok := tidy([]byte(text))
		want, valid := parsed(text)
		if ok && (!valid || got != want) {
			t.Fatalf("%s became %s, want %s, valid %t", text, got, want, valid)
		}
	})
}
