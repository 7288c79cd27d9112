package resource

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func acme(kind, name string) Address { return Address{Tenant("acme"), kind, name} }

func TestRefsAndResolve(t *testing.T) {
	key := Ref{acme("aws.kms.key", "key"), "arn"}
	alerts := Ref{Address{Cell("eu-1"), "aws.sns.topic", "alerts"}, "arn"}
	root := Ref{Address{Fleet, "aws.kms.key", "root"}, "id"}
	for _, c := range []struct {
		reason, text string
		refs         []Ref
		resolved     string
	}{
		{"none", `"plain"`, nil, `"plain"`},
		{"one alone", `"${tenant/acme/aws.kms.key/key#arn}"`, []Ref{key}, `"<arn of key>"`},
		{"several, in order, inside text", `"a ${cell/eu-1/aws.sns.topic/alerts#arn}/${fleet/aws.kms.key/root#id}"`, []Ref{alerts, root}, `"a <arn of alerts>/<id of root>"`},
		{"the same twice", `["${fleet/aws.kms.key/root#id}","${fleet/aws.kms.key/root#id}"]`, []Ref{root, root}, `["<id of root>","<id of root>"]`},
		{"IAM's variables are left alone", `"${aws:username}/${tenant/acme/aws.kms.key/key#arn}"`, []Ref{key}, `"${aws:username}/<arn of key>"`},
		{"an unfinished one", `"${tenant/acme/aws.kms.key/key#arn"`, nil, `"${tenant/acme/aws.kms.key/key#arn"`},
		{"one inside an unfinished one", `"${ ${fleet/aws.kms.key/root#id}}"`, []Ref{root}, `"${ <id of root>}"`},
		{"no output", `"${tenant/acme/aws.kms.key/key#}"`, nil, `"${tenant/acme/aws.kms.key/key#}"`},
		{"an output with odd characters", `"${tenant/acme/aws.kms.key/key#a-b}"`, nil, `"${tenant/acme/aws.kms.key/key#a-b}"`},
		{"no address", `"${key#arn}"`, nil, `"${key#arn}"`},
		{"the short form of definitions", `"${key.arn}"`, nil, `"${key.arn}"`},
		{"in a key of an object", `{"${fleet/aws.kms.key/root#id}":1}`, []Ref{root}, `{"<id of root>":1}`},
	} {
		v := mustParse(c.text)
		if diff := cmp.Diff(c.refs, v.Refs()); diff != "" {
			t.Errorf("%s: refs (-want +got):\n%s", c.reason, diff)
		}
		if v.Known() != (len(c.refs) == 0) {
			t.Errorf("%s: Known is %v", c.reason, v.Known())
		}
		got := v.Resolve(func(r Ref) (string, bool) { return "<" + r.Output + " of " + r.Address.Name + ">", true })
		if got.Reveal() != c.resolved {
			t.Errorf("%s: resolved to %s, want %s", c.reason, got.Reveal(), c.resolved)
		}
		if v.Resolve(func(Ref) (string, bool) { return "", false }) != v {
			t.Errorf("%s: what isn't known was replaced", c.reason)
		}
	}
}

func TestResolveEscapes(t *testing.T) {
	v := String("${fleet/aws.kms.key/root#id}")
	hostile := "a\"},{\"\\\n<${tenant/evil/aws.kms.key/k#arn}"
	got := v.Resolve(func(Ref) (string, bool) { return hostile, true })
	var text string
	if err := json.Unmarshal([]byte(got.Reveal()), &text); err != nil || text != hostile {
		t.Errorf("resolved to %s (%v), want the string %q", got.Reveal(), err, hostile)
	}
	if secret := v.AsSecret().Resolve(func(Ref) (string, bool) { return "x", true }); !secret.IsSecret() || secret != String("x").AsSecret() {
		t.Error("resolving changed the secrecy of a value")
	}
}

func TestAttributesRefs(t *testing.T) {
	a := Attributes{
		"z": String("${fleet/aws.kms.key/root#id} ${cell/eu-1/aws.sns.topic/alerts#arn}"),
		"a": String("${fleet/aws.kms.key/root#id}"),
		"b": String("${fleet/aws.kms.key/root#arn}").AsSecret(),
	}
	want := []Ref{
		{Address{Cell("eu-1"), "aws.sns.topic", "alerts"}, "arn"},
		{Address{Fleet, "aws.kms.key", "root"}, "arn"},
		{Address{Fleet, "aws.kms.key", "root"}, "id"},
	}
	if diff := cmp.Diff(want, a.Refs()); diff != "" {
		t.Errorf("refs (-want +got):\n%s", diff)
	}
	if got := a.Resolve(func(r Ref) (string, bool) { return r.Output, true }); got["a"] != String("id") {
		t.Errorf("resolved to %v", got)
	}
	if a["a"].Known() {
		t.Error("Resolve changed its receiver")
	}
}

func anAddress() *rapid.Generator[Address] {
	name := rapid.StringMatching(`[a-z0-9][a-z0-9._-]{0,20}`)
	return rapid.Custom(func(t *rapid.T) Address {
		owner := rapid.SampledFrom([]func(string) Owner{Tenant, Cell, func(string) Owner { return Fleet }}).Draw(t, "class")
		return Address{owner(name.Draw(t, "owner")), name.Draw(t, "kind"), name.Draw(t, "name")}
	})
}

func TestPlaceholderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ref := Ref{anAddress().Draw(t, "address"), rapid.StringMatching(`[A-Za-z][A-Za-z0-9_]{0,9}`).Draw(t, "output")}
		before := rapid.String().Draw(t, "before")
		got := String(before + ref.Placeholder()).Refs()
		if len(got) == 0 || got[len(got)-1] != ref {
			t.Fatalf("%s is read as %v", ref, got)
		}
	})
}

// oracle is what each must find, in another way.
var oracle = regexp.MustCompile(`\$\{([^${}"\\]*)#([A-Za-z][A-Za-z0-9_]*)\}`)

func FuzzRefs(f *testing.F) {
	f.Add("${tenant/acme/aws.kms.key/key#arn}")
	f.Add("${${fleet/k/n#a}${a#b#c}")
	f.Add("$${fleet/k/n#a}")
	f.Fuzz(func(t *testing.T, text string) {
		v := String(text)
		var want []Ref
		for _, m := range oracle.FindAllStringSubmatch(v.Reveal(), -1) {
			if address, err := ParseAddress(m[1]); err == nil && !strings.Contains(m[1], "#") {
				want = append(want, Ref{address, m[2]})
			}
		}
		got := v.Refs()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("refs of %q (-want +got):\n%s", text, diff)
		}
		resolved := v.Resolve(func(Ref) (string, bool) { return "x", true })
		if !json.Valid([]byte(resolved.Reveal())) {
			t.Fatalf("%q resolves to %q, which is no JSON", text, resolved.Reveal())
		}
	})
}
