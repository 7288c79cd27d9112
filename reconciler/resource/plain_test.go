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
