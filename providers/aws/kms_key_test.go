package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"tenantry.dev/providers"
)

// keyStore is KMS as far as these tests need it, with state.
type keyStore struct {
	tags    map[string]tagged // by key id
	states  map[string]string
	aliases map[string]string // key id by alias
	refuse  map[string]reply  // by operation: said instead, once
	lose    map[string]error  // by operation: the answer is lost after the effect, once
}

func newKeyStore() *keyStore {
	return &keyStore{
		tags: map[string]tagged{}, states: map[string]string{}, aliases: map[string]string{},
		refuse: map[string]reply{}, lose: map[string]error{},
	}
}

type keyRequest struct {
	KeyID       string `json:"KeyId"`
	TargetKeyID string `json:"TargetKeyId"`
	AliasName   string
	Marker      string
	TagKeys     []string
	Tags        []struct{ TagKey, TagValue string }
}

func (s *keyStore) answer(c call) reply {
	if r, refused := s.refuse[c.op]; refused {
		delete(s.refuse, c.op)
		return r
	}
	var in keyRequest
	if err := json.Unmarshal([]byte(c.body), &in); err != nil {
		return jsonError("ValidationException", err.Error())
	}
	if target, ok := s.aliases[in.KeyID]; ok {
		in.KeyID = target
	}
	out := s.do(c.op, in)
	if err := s.lose[c.op]; err != nil {
		delete(s.lose, c.op)
		return reply{lost: err}
	}
	return out
}

func (s *keyStore) do(op string, in keyRequest) reply {
	if _, there := s.tags[in.KeyID]; in.KeyID != "" && !there {
		return jsonError("NotFoundException", "no such key")
	}
	switch op {
	case "CreateKey":
		in.KeyID = fmt.Sprintf("key-%d", len(s.tags)+1)
		s.states[in.KeyID], s.tags[in.KeyID] = "Enabled", tagged{}
		fallthrough
	case "TagResource":
		for _, t := range in.Tags {
			s.tags[in.KeyID][t.TagKey] = t.TagValue
		}
		return s.describe(in.KeyID)
	case "UntagResource":
		for _, key := range in.TagKeys {
			delete(s.tags[in.KeyID], key)
		}
	case "DescribeKey":
		return s.describe(in.KeyID)
	case "CreateAlias":
		if s.aliases[in.AliasName] != "" {
			return jsonError("AlreadyExistsException", "taken")
		}
		s.aliases[in.AliasName] = in.TargetKeyID
	case "DeleteAlias":
		delete(s.aliases, in.AliasName)
	case "CancelKeyDeletion":
		s.states[in.KeyID] = "Disabled"
	case "EnableKey":
		s.states[in.KeyID] = "Enabled"
	case "GetKeyPolicy":
		return answer(map[string]any{"Policy": defaultKeyPolicy(testAccount)})
	case "ListGrants":
		return answer(map[string]any{"Grants": []any{}})
	case "GetKeyRotationStatus":
		return answer(map[string]any{"KeyRotationEnabled": false})
	case "ListResourceTags":
		var list []map[string]string
		for key, value := range s.tags[in.KeyID] {
			list = append(list, map[string]string{"TagKey": key, "TagValue": value})
		}
		return answer(map[string]any{"Tags": list})
	case "ListKeys":
		return s.page(in.Marker)
	case "ListAliases":
		var list []map[string]string
		for name, id := range s.aliases {
			if in.KeyID == "" || in.KeyID == id {
				list = append(list, map[string]string{"AliasName": name, "TargetKeyId": id})
			}
		}
		return answer(map[string]any{"Aliases": list})
	default:
		return jsonError("UnknownOperationException", op)
	}
	return reply{body: "{}"}
}

func (s *keyStore) describe(id string) reply {
	meta := map[string]any{"KeyId": id, "Arn": "arn:aws:kms:eu-central-1:" + testAccount + ":key/" + id, "KeyState": s.states[id], "KeyManager": "CUSTOMER"}
	if s.states[id] == "PendingDeletion" {
		meta["DeletionDate"] = 1.7e9
	}
	return answer(map[string]any{"KeyMetadata": meta})
}

// page lists one key at a time.
func (s *keyStore) page(marker string) reply {
	ids := make([]string, 0, len(s.tags))
	for id := range s.tags {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	at := slices.Index(ids, marker) + 1
	if len(ids) == 0 {
		return answer(map[string]any{"Keys": ids})
	}
	out := map[string]any{"Keys": []any{map[string]string{"KeyId": ids[at]}}}
	if at < len(ids)-1 {
		out["Truncated"], out["NextMarker"] = true, ids[at]
	}
	return answer(out)
}

func answer(v any) reply {
	body, err := json.Marshal(v)
	if err != nil {
		return jsonError("InternalException", err.Error())
	}
	return reply{body: string(body)}
}

// add puts a key into the store.
func (s *keyStore) add(id, alias string, tags tagged) {
	s.tags[id], s.states[id] = tags, "Enabled"
	if alias != "" {
		s.aliases[alias] = id
	}
}

func TestALostAnswerToCreateKeyIsNotSentAgain(t *testing.T) {
	for reason, fault := range map[string]func(*keyStore){
		"reset after the effect": func(s *keyStore) { s.lose["CreateKey"] = io.ErrUnexpectedEOF },
		"500 instead":            func(s *keyStore) { s.refuse["CreateKey"] = reply{status: 500} },
		"503 instead":            func(s *keyStore) { s.refuse["CreateKey"] = reply{status: 503} },
	} {
		t.Run(reason, func(t *testing.T) {
			store := newKeyStore()
			fault(store)
			w := newWire(t, store.answer)
			want := desired(kindKey, map[string]any{"alias": "alias/acme"})
			_, err := newKey(w.sessions()).Create(t.Context(), want, testFleet)
			if !errors.Is(err, providers.ErrUnsure) {
				t.Errorf("error %v, want ErrUnsure", err)
			}
			if n := len(w.sent("CreateKey")); n != 1 {
				t.Errorf("CreateKey was sent %d times", n)
			}
		})
	}
}

func TestARefusedCreateKeyIsCertain(t *testing.T) {
	store := newKeyStore()
	store.refuse["CreateKey"] = jsonError("AccessDeniedException", "no")
	_, err := newKey(newWire(t, store.answer).sessions()).Create(t.Context(), desired(kindKey, map[string]any{"alias": "alias/acme"}), testFleet)
	if errors.Is(err, providers.ErrUnsure) || !errors.Is(err, providers.ErrDenied) {
		t.Errorf("error %v, want ErrDenied", err)
	}
}

func TestAKeyWithoutItsAliasIsSeenAndCompleted(t *testing.T) {
	store := newKeyStore()
	store.refuse["CreateAlias"] = jsonError("AccessDeniedException", "not yet")
	d := newKey(newWire(t, store.answer).sessions())
	want := desired(kindKey, map[string]any{"alias": "alias/acme", "tags": map[string]string{"team": "blue"}})
	want.Nonce = "n1"
	made, err := d.Create(t.Context(), want, testFleet)
	if err == nil || made.ID == "" {
		t.Fatalf("the alias was refused: made %q, %v; want the key's id with the error, so that no second one is made", made.ID, err)
	}
	seen, err := d.Observe(t.Context(), testScope, testFleet)
	if err != nil || len(seen) != 1 {
		t.Fatalf("%d keys seen, %v", len(seen), err)
	}
	half := seen[0]
	if half.Address != want.Address || half.Nonce != "n1" || half.Attributes["alias"].IsSet() {
		t.Errorf("seen as %+v", half)
	}
	whole, err := d.Update(t.Context(), half, want)
	if err != nil {
		t.Fatal(err)
	}
	if store.aliases["alias/acme"] != half.ID || whole.Outputs["alias"] != "alias/acme" || len(store.tags) != 1 {
		t.Errorf("aliases %v of %d keys, outputs %v", store.aliases, len(store.tags), whole.Outputs)
	}
}

func TestCreateFinishesTheKeyBehindItsAlias(t *testing.T) {
	for says, c := range map[string]struct {
		nonce, want string
		finished    bool
	}{
		"nobody has a nonce": {"", "", true}, "its own": {"n1", "n1", true}, "whoever made it": {"n1", "", true},
		"another create's": {"n2", "n1", false}, "none": {"", "n1", false},
	} {
		store := newKeyStore()
		want := desired(kindKey, map[string]any{"alias": "alias/acme"})
		want.Nonce = c.want
		store.add("key-1", "alias/acme", marked(nil, testFleet, want.Address, c.nonce))
		got, err := newKey(newWire(t, store.answer).sessions()).Create(t.Context(), want, testFleet)
		if c.finished && (err != nil || got.ID != "key-1") || !c.finished && !errors.Is(err, providers.ErrPending) || len(store.tags) != 1 {
			t.Errorf("%s: %s of %d keys, %v", says, got.ID, len(store.tags), err)
		}
	}
}

func TestAForeignAliasIsNeverMoved(t *testing.T) {
	want := desired(kindKey, map[string]any{"alias": "alias/acme"})
	for reason, tags := range map[string]tagged{
		"no mark": {}, "another fleet": marked(nil, "other", want.Address, ""),
	} {
		t.Run(reason, func(t *testing.T) {
			store := newKeyStore()
			store.add("theirs", "alias/acme", tags)
			store.add("ours", "", marked(nil, testFleet, want.Address, ""))
			w := newWire(t, store.answer)
			d := newKey(w.sessions())
			if _, err := d.Create(t.Context(), want, testFleet); !errors.Is(err, providers.ErrNotOurs) || len(w.wrote()) != 0 {
				t.Errorf("create: %v, wrote %v", err, w.wrote())
			}
			half := have(kindKey, "ours", nil)
			if _, err := d.Update(t.Context(), half, want); !errors.Is(err, providers.ErrNotOurs) {
				t.Errorf("update: %v", err)
			}
			if store.aliases["alias/acme"] != "theirs" {
				t.Error("the alias was moved")
			}
		})
	}
}

func TestAnExtraAliasShowsAndGoes(t *testing.T) {
	store := newKeyStore()
	want := desired(kindKey, map[string]any{"alias": "alias/acme"})
	store.add("key-1", "alias/acme", marked(nil, testFleet, want.Address, ""))
	store.aliases["alias/a-back-door"] = "key-1"
	d := newKey(newWire(t, store.answer).sessions())
	seen, err := d.Observe(t.Context(), testScope, testFleet)
	if err != nil || len(seen) != 1 || seen[0].Attributes["alias"].Text() != "alias/a-back-door, alias/acme" {
		t.Fatalf("%v, %v", seen, err)
	}
	if _, err := d.Update(t.Context(), seen[0], want); err != nil {
		t.Fatal(err)
	}
	if len(store.aliases) != 1 || store.aliases["alias/acme"] != "key-1" {
		t.Errorf("aliases are %v", store.aliases)
	}
}

func TestAKeyThatIsToBeDeletedComesBack(t *testing.T) {
	store := newKeyStore()
	want := desired(kindKey, map[string]any{"alias": "alias/acme"})
	store.add("key-1", "alias/acme", marked(nil, testFleet, want.Address, ""))
	store.states["key-1"] = "PendingDeletion"
	d := newKey(newWire(t, store.answer).sessions())
	seen, err := d.Observe(t.Context(), testScope, testFleet)
	if err != nil || len(seen) != 1 || seen[0].Retired != "2023-11-14T22:13:20Z" || seen[0].Pending != "" {
		t.Fatalf("%+v, %v", seen, err)
	}
	if again, err := d.Retire(t.Context(), seen[0], "2026-01-01T00:00:00Z"); err != nil || again.Retired != seen[0].Retired {
		t.Errorf("retired again: %v, %v", again.Retired, err)
	}
	back, err := d.Update(t.Context(), seen[0], want)
	if err != nil || back.Retired != "" || store.states["key-1"] != "Enabled" {
		t.Errorf("state %s, %+v, %v", store.states["key-1"], back, err)
	}
}

func TestADisabledKeyIsADifference(t *testing.T) {
	store := newKeyStore()
	want := desired(kindKey, map[string]any{"alias": "alias/acme"})
	store.add("key-1", "alias/acme", marked(nil, testFleet, want.Address, ""))
	store.states["key-1"] = "Disabled"
	d := newKey(newWire(t, store.answer).sessions())
	seen, err := d.Observe(t.Context(), testScope, testFleet)
	if err != nil || len(seen) != 1 || seen[0].Attributes["enabled"].Text() != "false" {
		t.Fatalf("%+v, %v", seen, err)
	}
	if _, err := d.Update(t.Context(), seen[0], want); err != nil || store.states["key-1"] != "Enabled" {
		t.Errorf("state %s, %v", store.states["key-1"], err)
	}
}

func TestKeysOfOthersCostTheirTagsAndNothingElse(t *testing.T) {
	store := newKeyStore()
	store.add("aws-1", "alias/aws/s3", tagged{})
	store.add("foreign", "alias/theirs", tagged{"team": "red"})
	store.add("ours", "alias/acme", marked(nil, testFleet, address(kindKey.Name, "main"), ""))
	w := newWire(t, store.answer)
	seen, err := newKey(w.sessions()).Observe(t.Context(), testScope, testFleet)
	if err != nil || len(seen) != 1 || seen[0].ID != "ours" {
		t.Fatalf("%v, %v", seen, err)
	}
	for op, want := range map[string]int{"ListKeys": 3, "ListAliases": 1, "ListResourceTags": 2, "DescribeKey": 1, "GetKeyPolicy": 1, "GetKeyRotationStatus": 1, "ListGrants": 1} {
		if n := len(w.sent(op)); n != want {
			t.Errorf("%d × %s, want %d", n, op, want)
		}
	}
}

func TestAKeyThatVanishesWhileItIsReadIsLeftOut(t *testing.T) {
	store := newKeyStore()
	for _, id := range []string{"a", "b"} {
		store.add(id, "alias/"+id, marked(nil, testFleet, address(kindKey.Name, id), ""))
	}
	store.refuse["DescribeKey"] = jsonError("NotFoundException", "gone")
	seen, err := newKey(newWire(t, store.answer).sessions()).Observe(t.Context(), testScope, testFleet)
	if err != nil || len(seen) != 1 {
		t.Errorf("%d seen, %v", len(seen), err)
	}
	store.refuse["GetKeyPolicy"] = jsonError("AccessDeniedException", "no")
	if _, err := newKey(newWire(t, store.answer).sessions()).Observe(t.Context(), testScope, testFleet); !errors.Is(err, providers.ErrDenied) {
		t.Errorf("a key that may not be read: %v, want ErrDenied", err)
	}
}

func TestAKeyThatIsAsWantedCostsNoWrite(t *testing.T) {
	store := newKeyStore()
	want := desired(kindKey, map[string]any{"alias": "alias/acme"})
	store.add("key-1", "alias/acme", marked(nil, testFleet, want.Address, ""))
	w := newWire(t, store.answer)
	if _, err := newKey(w.sessions()).Update(t.Context(), have(kindKey, "key-1", map[string]any{"alias": "alias/acme"}), want); err != nil || len(w.wrote()) != 0 {
		t.Errorf("wrote %v, %v", w.wrote(), err)
	}
}
