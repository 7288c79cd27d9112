package aws

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"tenantry.dev/providers"
)

// secrets answers for Secrets Manager: by operation first, else with one secret that has these tags.
type secrets struct {
	name    string
	tags    tagged
	deleted bool
	say     map[string]reply
}

const testSecretARN = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:acme-db-AbCdEf"

func (s *secrets) answer(c call) reply {
	if r, said := s.say[c.op]; said {
		return r
	}
	switch c.op {
	case "DescribeSecret":
		return answer(s.entry())
	case "ListSecrets":
		if !strings.Contains(c.body, "NextToken") {
			return answer(map[string]any{"SecretList": []any{map[string]any{"Name": "foreign", "ARN": "x"}}, "NextToken": "2"})
		}
		return answer(map[string]any{"SecretList": []any{s.entry()}})
	case "RestoreSecret":
		s.deleted = false
	}
	return answer(map[string]any{"ARN": testSecretARN, "Name": s.name})
}

func (s *secrets) entry() map[string]any {
	var tags []map[string]string
	for key, value := range s.tags {
		tags = append(tags, map[string]string{"Key": key, "Value": value})
	}
	out := map[string]any{"ARN": testSecretARN, "Name": s.name, "Tags": tags}
	if s.deleted {
		out["DeletedDate"] = 1.7e9
	}
	return out
}

func TestASecretIsMadeWithoutAValueAndWithOneToken(t *testing.T) {
	want := desired(kindSecret, map[string]any{"name": "acme-db"})
	var tokens []string
	for range 2 {
		w := newWire(t, (&secrets{name: "acme-db"}).answer)
		got, err := newSecret(w.sessions()).Create(t.Context(), want, testFleet)
		if err != nil || got.ID != testSecretARN {
			t.Fatalf("%+v, %v", got, err)
		}
		var sent struct {
			ClientRequestToken string
			SecretString       *string
			SecretBinary       []byte
			Tags               []struct{ Key, Value string }
		}
		if err := json.Unmarshal([]byte(w.sent("CreateSecret")[0].body), &sent); err != nil {
			t.Fatal(err)
		}
		if sent.SecretString != nil || sent.SecretBinary != nil || len(sent.Tags) != 2 || len(sent.ClientRequestToken) != 36 {
			t.Errorf("sent %+v", sent)
		}
		if n := len(w.wrote()); n != 1 {
			t.Errorf("wrote %v", w.wrote())
		}
		tokens = append(tokens, sent.ClientRequestToken)
	}
	if tokens[0] != tokens[1] || tokens[0] == requestToken("other", want.Address, "acme-db") {
		t.Errorf("tokens %q", tokens)
	}
}

func TestATakenNameOfASecret(t *testing.T) {
	want := desired(kindSecret, map[string]any{"name": "acme-db"})
	ours := marked(nil, testFleet, want.Address, "")
	exists, scheduled := jsonError("ResourceExistsException", "exists"), jsonError("InvalidRequestException", "scheduled for deletion")
	tests := []struct {
		reason string
		cloud  secrets
		want   error
		wrote  string
	}{
		{"ours", secrets{tags: ours, say: map[string]reply{"CreateSecret": exists}}, nil, "CreateSecret"},
		{"ours, to be deleted", secrets{tags: ours, deleted: true, say: map[string]reply{"CreateSecret": scheduled}}, nil, "CreateSecret RestoreSecret"},
		{"without a mark", secrets{say: map[string]reply{"CreateSecret": exists}}, providers.ErrNotOurs, "CreateSecret"},
		{"another's, to be deleted", secrets{deleted: true, say: map[string]reply{"CreateSecret": scheduled}}, providers.ErrNotOurs, "CreateSecret"},
		{"there and not readable yet", secrets{say: map[string]reply{
			"CreateSecret": exists, "DescribeSecret": jsonError("ResourceNotFoundException", "not yet"),
		}}, providers.ErrPending, "CreateSecret"},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			tt.cloud.name = "acme-db"
			w := newWire(t, tt.cloud.answer)
			_, err := newSecret(w.sessions()).Create(t.Context(), want, testFleet)
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if got := strings.Join(w.wrote(), " "); got != tt.wrote {
				t.Errorf("wrote %q, want %q", got, tt.wrote)
			}
		})
	}
}

// A request that is invalid for another reason keeps its own error.
func TestAnInvalidSecretSaysWhy(t *testing.T) {
	cloud := secrets{say: map[string]reply{
		"CreateSecret": jsonError("InvalidRequestException", "bad key"), "DescribeSecret": jsonError("ResourceNotFoundException", "none"),
	}}
	_, err := newSecret(newWire(t, cloud.answer).sessions()).Create(t.Context(), desired(kindSecret, map[string]any{"name": "acme-db"}), testFleet)
	if err == nil || !strings.Contains(err.Error(), "bad key") || errors.Is(err, providers.ErrPending) {
		t.Errorf("error %v", err)
	}
}

func TestSecretsAreListedWithTheDeletedOnes(t *testing.T) {
	want := desired(kindSecret, map[string]any{"name": "acme-db"})
	cloud := secrets{name: "acme-db", tags: marked(nil, testFleet, want.Address, ""), deleted: true}
	w := newWire(t, cloud.answer)
	d := newSecret(w.sessions())
	seen, err := d.Observe(t.Context(), testScope, testFleet)
	if err != nil || len(seen) != 1 || seen[0].Retired != "2023-11-14T22:13:20Z" {
		t.Fatalf("%+v, %v", seen, err)
	}
	for _, c := range w.sent("ListSecrets") {
		if !strings.Contains(c.body, `"IncludePlannedDeletion":true`) || !strings.Contains(c.body, `"MaxResults":100`) {
			t.Errorf("asked for %s", c.body)
		}
	}
	back, err := d.Update(t.Context(), seen[0], want)
	if err != nil || back.Retired != "" || len(w.sent("RestoreSecret")) != 1 {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestAMissingPageIsAnErrorOfTheWhole(t *testing.T) {
	pages := 0
	w := newWire(t, func(c call) reply {
		if pages++; pages == 2 {
			return jsonError("InvalidNextTokenException", "expired")
		}
		return (&secrets{}).answer(c)
	})
	if seen, err := newSecret(w.sessions()).Observe(t.Context(), testScope, testFleet); err == nil || seen != nil {
		t.Errorf("%v, %v", seen, err)
	}
}

func TestUpdatesSendOnlyWhatDiffers(t *testing.T) {
	was := map[string]any{"name": "acme-db", "description": "old", "tags": map[string]string{"team": "blue"}}
	policy := map[string]any{"Version": "2012-10-17", "Statement": []any{}}
	tests := []struct {
		attribute string
		value     any
		want      string
	}{
		{"description", "old", ""},
		{"description", "new", "UpdateSecret"},
		{"kmsKey", "arn:aws:kms:eu-central-1:1:key/k", "UpdateSecret"},
		{"policy", policy, "PutResourcePolicy"},
		{"rotation", secretRotation{LambdaARN: "arn:f", Days: 7}, "RotateSecret"},
		{"tags", map[string]string{"team": "red"}, "TagResource"},
		{"tags", map[string]string{}, "UntagResource"},
	}
	for _, tt := range tests {
		attributes := map[string]any{}
		maps.Copy(attributes, was)
		attributes[tt.attribute] = tt.value
		want := desired(kindSecret, attributes)
		tags := marked(map[string]string{"team": "blue"}, testFleet, want.Address, "")
		w := newWire(t, (&secrets{name: "acme-db", tags: tags}).answer)
		if _, err := newSecret(w.sessions()).Update(t.Context(), have(kindSecret, testSecretARN, was), want); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(w.wrote(), " "); got != tt.want {
			t.Errorf("%s: wrote %q, want %q", tt.attribute, got, tt.want)
		}
	}
}

func TestAFunctionThatIsMissingIsNotAMissingSecret(t *testing.T) {
	want := desired(kindSecret, map[string]any{"name": "acme-db", "rotation": secretRotation{LambdaARN: "arn:f", Days: 7}})
	cloud := secrets{name: "acme-db", say: map[string]reply{"RotateSecret": jsonError("ResourceNotFoundException", "no such function")}}
	_, err := newSecret(newWire(t, cloud.answer).sessions()).Create(t.Context(), want, testFleet)
	if err == nil || errors.Is(err, providers.ErrGone) || errors.Is(err, providers.ErrPending) {
		t.Errorf("error %v, want neither gone nor pending", err)
	}
}

func TestRotationNeverRotatesAtOnce(t *testing.T) {
	want := desired(kindSecret, map[string]any{"name": "acme-db", "rotation": secretRotation{LambdaARN: "arn:f", Days: 7}})
	w := newWire(t, (&secrets{name: "acme-db", tags: marked(nil, testFleet, want.Address, "")}).answer)
	if _, err := newSecret(w.sessions()).Update(t.Context(), have(kindSecret, testSecretARN, map[string]any{"name": "acme-db"}), want); err != nil {
		t.Fatal(err)
	}
	if body := w.sent("RotateSecret")[0].body; !strings.Contains(body, `"RotateImmediately":false`) {
		t.Errorf("sent %s", body)
	}
}
