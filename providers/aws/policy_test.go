package aws

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tenantry.dev/reconciler/resource"
)

func parse(t interface{ Fatal(...any) }, text string) resource.Value {
	v, err := resource.ParseValue([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPoliciesOfEqualMeaningAreEqual(t *testing.T) {
	const plain = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["*"]}]}`
	tests := []struct{ reason, a, b string }{
		{
			"a scalar is a list of one", plain,
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}`,
		},
		{
			"order and repetition of actions",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["a:X","b:Y"],"Resource":"*"}]}`,
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["b:Y","a:X","a:X"],"Resource":"*"}]}`,
		},
		{
			"order of statements",
			`{"Statement":[{"Sid":"A","Effect":"Deny","Action":"a:X"},{"Sid":"B","Effect":"Allow","Action":"a:X"}]}`,
			`{"Statement":[{"Sid":"B","Effect":"Allow","Action":"a:X"},{"Sid":"A","Effect":"Deny","Action":"a:X"}]}`,
		},
		{
			"an account and its root",
			`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"a:X"}]}`,
			`{"Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:root"]},"Action":"a:X"}]}`,
		},
		{
			"everybody",
			`{"Statement":[{"Effect":"Deny","Principal":"*","Action":"a:X"}]}`,
			`{"Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"a:X"}]}`,
		},
		{
			"a boolean in a condition",
			`{"Statement":[{"Effect":"Deny","Action":"a:X","Condition":{"Bool":{"aws:SecureTransport":false}}}]}`,
			`{"Statement":[{"Effect":"Deny","Action":"a:X","Condition":{"Bool":{"aws:SecureTransport":["false"]}}}]}`,
		},
		{"a document inside a string", plain, string(quote(plain))},
		{
			"no version is the old one",
			`{"Statement":[{"Effect":"Allow","Action":"a:X"}]}`,
			`{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Action":"a:X"}]}`,
		},
		{
			"an empty statement id",
			`{"Statement":[{"Sid":"","Effect":"Allow","Action":"a:X"}]}`, `{"Statement":[{"Effect":"Allow","Action":"a:X"}]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			if a, b := canonicalPolicy(parse(t, tt.a)), canonicalPolicy(parse(t, tt.b)); a != b {
				t.Errorf("\n%s\n%s", a, b)
			}
		})
	}
}

func TestPoliciesOfDifferentMeaningDiffer(t *testing.T) {
	statement := func(fields string) string { return `{"Version":"2012-10-17","Statement":[{` + fields + `}]}` }
	documents := []string{
		statement(`"Effect":"Allow","Action":"a:X","Resource":"*"`),
		statement(`"Effect":"Deny","Action":"a:X","Resource":"*"`),
		statement(`"Effect":"Allow","NotAction":"a:X","Resource":"*"`),
		statement(`"Effect":"Allow","Action":"a:X","Resource":"arn:aws:s3:::b"`),
		statement(`"Effect":"Allow","Action":["a:X","a:Y"],"Resource":"*"`),
		statement(`"Effect":"Allow","Principal":"*","Action":"a:X","Resource":"*"`),
		statement(`"Effect":"Allow","Principal":{"Service":"*"},"Action":"a:X","Resource":"*"`),
		statement(`"Effect":"Allow","NotPrincipal":"*","Action":"a:X","Resource":"*"`),
		statement(`"Effect":"Allow","Action":"a:X","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}`),
		statement(`"Effect":"Allow","Action":"a:X","Resource":"*","Condition":{"BoolIfExists":{"aws:SecureTransport":"true"}}`),
		`{"Statement":[{"Effect":"Allow","Action":"a:X","Resource":"*"}]}`,
	}
	seen := map[resource.Value]string{}
	for _, text := range documents {
		v := canonicalPolicy(parse(t, text))
		if other, twice := seen[v]; twice {
			t.Errorf("equal:\n%s\n%s", text, other)
		}
		seen[v] = text
	}
}

func TestWhatIsNoPolicyIsLeftAlone(t *testing.T) {
	for _, text := range []string{`"hello"`, `5`, `[1]`, `{"Version":"2012-10-17"}`, `null`, `"{"`} {
		if v := parse(t, text); canonicalPolicy(v) != v {
			t.Errorf("%s became %s", text, canonicalPolicy(v))
		}
	}
	if canonicalPolicy(resource.Value{}).IsSet() {
		t.Error("unset became set")
	}
	secret := parse(t, `{"Statement":{"Effect":"Allow","Action":"a:X"}}`).AsSecret()
	if !canonicalPolicy(secret).IsSecret() {
		t.Error("a secret lost its mark")
	}
}

// document draws a policy with all the freedom that the grammar gives.
func document(t *rapid.T) map[string]any {
	text := rapid.SampledFrom([]string{
		"s3:GetObject", "*", "111122223333", "arn:aws:iam::111122223333:root", "${aws:username}",
		"${tenant/acme/aws.kms.key/key#arn}", `a "quoted" <name> & more`, "arn:aws:s3:::b/${tenant/acme/aws.s3.bucket/data#name}/*",
	})
	some := func(label string) any {
		values := rapid.SliceOfN(text, 1, 4).Draw(t, label)
		if len(values) == 1 && rapid.Bool().Draw(t, label+" scalar") {
			return values[0]
		}
		out := make([]any, len(values))
		for i, v := range values {
			out[i] = v
		}
		return out
	}
	statements := make([]any, rapid.IntRange(1, 4).Draw(t, "statements"))
	for i := range statements {
		s := map[string]any{"Effect": rapid.SampledFrom([]string{"Allow", "Deny"}).Draw(t, "effect"), "Action": some("action")}
		if rapid.Bool().Draw(t, "resource?") {
			s["Resource"] = some("resource")
		}
		if rapid.Bool().Draw(t, "principal?") {
			s["Principal"] = map[string]any{rapid.SampledFrom([]string{"AWS", "Service"}).Draw(t, "type"): some("principal")}
		}
		if rapid.Bool().Draw(t, "condition?") {
			s["Condition"] = map[string]any{"StringLike": map[string]any{"aws:PrincipalTag/team": some("values")}}
		}
		statements[i] = s
	}
	out := map[string]any{"Statement": statements}
	if rapid.Bool().Draw(t, "version?") {
		out["Version"] = "2012-10-17"
	}
	return out
}

// shuffled returns the document with every list in another order.
func shuffled(v any, r *rand.Rand) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			out[key] = shuffled(value, r)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, j := range r.Perm(len(v)) {
			out[i] = shuffled(v[j], r)
		}
		return out
	}
	return v
}

func TestCanonicalPoliciesProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := document(t)
		v := literal(d)
		once := canonicalPolicy(v)
		if twice := canonicalPolicy(once); twice != once {
			t.Fatalf("not idempotent:\n%s\n%s", once.Reveal(), twice.Reveal())
		}
		seed := rapid.Uint64().Draw(t, "seed")
		other := literal(shuffled(d, rand.New(rand.NewPCG(seed, 1))))
		if canonicalPolicy(other) != once {
			t.Fatalf("order matters:\n%s\n%s", once.Reveal(), canonicalPolicy(other).Reveal())
		}
		escaped := url.PathEscape(v.Reveal())
		if back := canonicalPolicy(literal(escapedPolicyFrom(escaped))); back != once {
			t.Fatalf("the way through IAM changes it:\n%s\n%s", once.Reveal(), back.Reveal())
		}
		open := func(v resource.Value) string { return fmt.Sprint(resource.Attributes{"p": v}.Refs()) }
		if open(v) != open(once) {
			t.Fatalf("placeholders got lost: %s, %s", open(v), open(once))
		}
		if many := canonicalPolicies(literal(map[string]any{"a": d})); many.Reveal() != `{"a":`+once.Reveal()+`}` {
			t.Fatalf("inside a map: %s", many.Reveal())
		}
	})
}

// Resolving a placeholder and making canonical may come in either order, if the last is canonical.
func TestPlaceholdersSurvive(t *testing.T) {
	v := parse(t, `{"Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":["z","${tenant/acme/aws.kms.key/key#arn}"]}}`)
	known := func(resource.Ref) (string, bool) { return "arn:aws:kms:eu-central-1:1:key/k", true }
	first := canonicalPolicy(v.Resolve(known))
	if last := canonicalPolicy(canonicalPolicy(v).Resolve(known)); first != last || !strings.Contains(first.Reveal(), "key/k") {
		t.Errorf("\n%s\n%s", first.Reveal(), last.Reveal())
	}
}

func TestAGarbledPolicyIsNoMatchForAnything(t *testing.T) {
	got := policyFrom("{not json")
	if !json.Valid(got) || canonicalPolicy(literal(got)) == canonicalPolicy(literal(map[string]any{"Statement": []any{}})) {
		t.Errorf("%s", got)
	}
	if policyFrom("") != nil {
		t.Error("no text is no policy")
	}
}

func TestTheDefaultKeyPolicyIsUnset(t *testing.T) {
	plain := defaultKeyPolicy(testAccount)
	for reason, text := range map[string]string{
		"as KMS gives it":          plain,
		"with lists":               strings.NewReplacer(`"kms:*"`, `["kms:*"]`, `"Resource":"*"`, `"Resource":["*"]`).Replace(plain),
		"without its id":           strings.Replace(plain, `"Id":"key-default-1",`, "", 1),
		"with an account's number": strings.Replace(plain, rootARN(testAccount), testAccount, 1),
	} {
		if got := canonicalKeyPolicy(literal(keyPolicyFrom(text, testAccount))); got.IsSet() {
			t.Errorf("%s: %s", reason, got.Reveal())
		}
	}
	for reason, text := range map[string]string{
		"for another account": strings.Replace(plain, testAccount, "999999999999", 1),
		"for a role":          strings.Replace(plain, ":root", ":role/x", 1),
		"for some actions":    strings.Replace(plain, "kms:*", "kms:Describe*", 1),
		"with a condition":    strings.Replace(plain, `"Resource":"*"`, `"Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}`, 1),
		"refusing":            strings.Replace(plain, "Allow", "Deny", 1),
		"and more":            strings.Replace(plain, `"Statement":[`, `"Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*"},`, 1),
	} {
		got := canonicalKeyPolicy(literal(keyPolicyFrom(text, testAccount)))
		if !got.IsSet() || canonicalKeyPolicy(got) != got {
			t.Errorf("%s: %q", reason, got.Reveal())
		}
	}
}

func quote(s string) []byte {
	b, _ := json.Marshal(s)
	return b
}
