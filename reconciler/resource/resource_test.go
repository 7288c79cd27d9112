package resource

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseAddress(t *testing.T) {
	for _, text := range []string{"tenant/acme/aws.s3.bucket/data", "cell/eu-1/aws.sns.topic/alerts", "fleet/aws.kms.key/root", "tenant/Ümlaut/k/n_1"} {
		a, err := ParseAddress(text)
		if err != nil || a.String() != text {
			t.Errorf("ParseAddress(%q) = %v, %v", text, a, err)
		}
	}
	for _, text := range []string{
		"", "/", "tenant", "tenant/acme", "tenant/acme/kind", "tenant/acme/kind/name/more", "tenant//kind/name",
		"fleet/a/b/c", "fleet/kind/", "robot/r2/kind/name", "tenant/acme/kind/", "/acme/kind/name",
		"tenant/a b/kind/name", "tenant/acme/kind/na\nme", "tenant/acme/kind/${x}", "tenant/acme/kind/a#b", "tenant/a|b/kind/name",
		"tenant/acme/<b>/name", "tenant/acme/kind/`x`", "tenant/acme/kind/\u202etxt", "tenant/acme/kind/a\"b", "tenant/acme/kind/\x00", "tenant/acme/\xfe/name",
	} {
		if a, err := ParseAddress(text); err == nil {
			t.Errorf("ParseAddress(%q) = %v", text, a)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add("tenant/acme/aws.s3.bucket/data")
	f.Add("fleet/a/b")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text)
		if err != nil {
			return
		}
		if a.String() != text {
			t.Fatalf("%q is read as %q", text, a)
		}
		ref := Ref{a, "arn"}
		if got := String(ref.Placeholder()).Refs(); len(got) != 1 || got[0] != ref {
			t.Fatalf("a reference to %q is read as %v", text, got)
		}
	})
}

func TestAddressAsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := anAddress().Draw(t, "address")
		text, err := json.Marshal(map[Address]Address{a: a})
		if err != nil {
			t.Fatal(err)
		}
		var back map[Address]Address
		if err := json.Unmarshal(text, &back); err != nil || back[a] != a {
			t.Fatalf("%s came back as %v (%v)", text, back, err)
		}
	})
	var a Address
	if err := json.Unmarshal([]byte(`"nonsense"`), &a); err == nil {
		t.Error("nonsense became an address")
	}
}

func TestNamesOfOwners(t *testing.T) {
	for _, c := range []struct {
		owner       Owner
		class, name string
	}{{Tenant("acme"), "tenant", "acme"}, {Cell("eu-1"), "cell", "eu-1"}, {Fleet, "fleet", ""}} {
		if c.owner.Class() != c.class || c.owner.Name() != c.name {
			t.Errorf("%s is %q %q", c.owner, c.owner.Class(), c.owner.Name())
		}
	}
}

func TestSorting(t *testing.T) {
	list := []Address{acme("b", "a"), {Fleet, "a", "a"}, acme("a", "b"), {Cell("x"), "z", "z"}, acme("a", "a")}
	slices.SortFunc(list, Address.Compare)
	want := []Address{{Cell("x"), "z", "z"}, {Fleet, "a", "a"}, acme("a", "a"), acme("a", "b"), acme("b", "a")}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("sorted (-want +got):\n%s", diff)
	}
	scopes := []Scope{{"2", "a"}, {"1", "b"}, {"1", "a"}}
	slices.SortFunc(scopes, Scope.Compare)
	if scopes[0] != (Scope{"1", "a"}) || scopes[2].String() != "2/a" {
		t.Errorf("sorted %v", scopes)
	}
}

func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		origin Origin
		want   string
	}{{Origin{}, ""}, {Origin{File: "a.cue"}, "a.cue"}, {Origin{"a.cue", 3, 0}, "a.cue:3"}, {Origin{"a.cue", 3, 7}, "a.cue:3:7"}} {
		if got := c.origin.String(); got != c.want {
			t.Errorf("%#v is written %q", c.origin, got)
		}
	}
	d := Desired{Origin: Origin{File: "plan.cue"}, Origins: map[string]Origin{"tags": {File: "tenant.cue"}}}
	if d.OriginOf("tags").File != "tenant.cue" || d.OriginOf("name").File != "plan.cue" {
		t.Error("an attribute's own line is lost")
	}
}

func queue() Kind {
	return Kind{Name: "q", Attributes: []Attribute{
		{Name: "name", Immutable: true},
		{Name: "delay", Default: Int(0)},
		{Name: "peers", Default: mustParse(`["b","a"]`), Set: true},
		{Name: "password", Secret: true, Default: String("initial")},
		{Name: "policy", Canonical: func(v Value) Value {
			if v == String("none") {
				return Value{}
			}
			return String(strings.ToLower(v.Text()))
		}},
	}}
}

func TestCanonical(t *testing.T) {
	for _, c := range []struct {
		reason   string
		in, want Attributes
	}{
		{"defaults are filled in, in their canonical form", Attributes{"name": String("x")}, Attributes{
			"name": String("x"), "delay": Int(0), "peers": mustParse(`["a","b"]`), "password": String("initial").AsSecret(),
		}},
		{"sets are sorted without repetitions", Attributes{"peers": mustParse(`[{"b":1},"c",1,"c",{"b":1.0}]`)}, Attributes{
			"delay": Int(0), "peers": mustParse(`["c",1,{"b":1}]`), "password": String("initial").AsSecret(),
		}},
		{"a set that is no list stays", Attributes{"peers": String("x")}, Attributes{
			"delay": Int(0), "peers": String("x"), "password": String("initial").AsSecret(),
		}},
		{"documents are canonical, and may come to nothing", Attributes{"policy": String("NONE"), "delay": Int(1)}, Attributes{
			"delay": Int(1), "peers": mustParse(`["a","b"]`), "password": String("initial").AsSecret(), "policy": String("none"),
		}},
		{"unknown attributes stay, so that they can be named", Attributes{"typo": Int(1)}, Attributes{
			"delay": Int(0), "peers": mustParse(`["a","b"]`), "password": String("initial").AsSecret(), "typo": Int(1),
		}},
	} {
		if diff := cmp.Diff(c.want, queue().Canonical(c.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
	in := Attributes{"policy": String("none"), "password": String("s").AsSecret().Seal()}
	out := queue().Canonical(in)
	if _, there := out["policy"]; there || in["policy"] != String("none") {
		t.Error("a value that comes to nothing is still there, or the input was changed")
	}
	if out["password"] != in["password"] {
		t.Error("a sealed secret was changed")
	}
	if _, known := queue().Attribute("delay"); !known {
		t.Error("delay isn't known")
	}
	if _, known := queue().Attribute("typo"); known {
		t.Error("typo is known")
	}
}

func anyValue() *rapid.Generator[Value] {
	return rapid.Custom(func(t *rapid.T) Value {
		var v Value
		switch rapid.IntRange(0, 5).Draw(t, "type") {
		case 0:
			v = String(rapid.String().Draw(t, "text"))
		case 1:
			v = Int(rapid.Int64().Draw(t, "number"))
		case 2:
			v = Bool(rapid.Bool().Draw(t, "bool"))
		case 3:
			v, _ = Of(rapid.SliceOf(rapid.String()).Draw(t, "list"))
		case 4:
			v, _ = Of(rapid.MapOf(rapid.String(), rapid.Float64()).Draw(t, "object"))
		case 5:
			v = String(Ref{anAddress().Draw(t, "address"), "arn"}.Placeholder())
		}
		if rapid.Bool().Draw(t, "secret") {
			v = v.AsSecret()
		}
		return v
	})
}

func TestCanonicalIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Attributes(rapid.MapOf(rapid.SampledFrom([]string{"name", "delay", "peers", "password", "policy", "typo"}), anyValue()).Draw(t, "attributes"))
		once := queue().Canonical(in)
		if diff := cmp.Diff(once, queue().Canonical(once)); diff != "" {
			t.Fatalf("twice differs from once (-once +twice):\n%s", diff)
		}
	})
}

func TestParseIsCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue().Draw(t, "value")
		again, err := ParseValue([]byte(v.Reveal()))
		if err != nil || again.Reveal() != v.Reveal() {
			t.Fatalf("%s was read as %s (%v)", v.Reveal(), again.Reveal(), err)
		}
	})
}

func FuzzParseValue(f *testing.F) {
	for _, text := range []string{`{"a":[1,2.50,null]}`, `"\u2028"`, `1e999`, `-0`, `[[[[]]]]`, "\"\xff\""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseValue([]byte(text))
		if err != nil {
			return
		}
		again, err := ParseValue([]byte(v.Reveal()))
		if err != nil || again != v {
			t.Fatalf("%q is %s, and that is %s (%v)", text, v.Reveal(), again.Reveal(), err)
		}
	})
}

func TestEncodeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Desired {
			return Desired{
				Address:    anAddress().Draw(t, "address"),
				Scope:      Scope{"123456789012", "eu-central-1"},
				Cell:       rapid.SampledFrom([]string{"", "eu-1"}).Draw(t, "cell"),
				Attributes: rapid.MapOf(rapid.StringMatching(`[a-z]{1,4}`), anyValue()).Draw(t, "attributes"),
				Adopt:      rapid.SampledFrom([]string{"", "some-id"}).Draw(t, "adopt"),
				Origin:     Origin{"plans/team.cue", 3, 1},
				Origins:    map[string]Origin{"a": {"tenants/acme.cue", 1, 0}},
			}
		}), 0, 4).Draw(t, "list")
		text, err := Encode(list)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		// Equal compares a secret with its seal.
		if diff := cmp.Diff(list, back); diff != "" {
			t.Fatalf("came back otherwise (-in +out):\n%s", diff)
		}
		again, err := Encode(back)
		if err != nil || string(again) != string(text) {
			t.Fatalf("encoding isn't stable (%v):\n%s\n%s", err, text, again)
		}
	})
}

func TestEncodeSeals(t *testing.T) {
	d := Desired{Address: acme("k", "n"), Attributes: Attributes{
		"password": String(canary).AsSecret(), "object": mustParse(`{"in":"` + canary + `"}`).AsSecret(), "unset": {},
	}}
	text, err := Encode([]Desired{d})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), canary) || strings.Contains(string(text), "unset") {
		t.Errorf("stored as %s", text)
	}
	back, err := Decode(text)
	if err != nil || !back[0].Attributes["password"].Equal(d.Attributes["password"]) || !back[0].Attributes["object"].IsSecret() {
		t.Errorf("came back as %v (%v)", back, err)
	}
	if empty, err := Encode(nil); err != nil || string(empty) != "[]" {
		t.Errorf("nothing is stored as %s (%v)", empty, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, text := range []string{``, `{}`, `[{"address":"nonsense"}]`, `[{"address":"fleet/k/n","attributes":{"a":{}}}]`, `[{"attributes":{"a":1}}]`} {
		if list, err := Decode([]byte(text)); err == nil {
			t.Errorf("Decode(%s) = %v", text, list)
		}
	}
}
