package reconciler_test

import (
	"fmt"
	"testing"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// This file tests the mark by which a create is known that could be sent twice.

// creates returns the before-entries of the creates of an address.
func (w *world) creates(address resource.Address) []changeset.Entry {
	w.t.Helper()
	entries, err := w.store.Entries(w.t.Context(), time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	var list []changeset.Entry
	for _, e := range entries {
		if e.Phase == changeset.Before && e.Action == changeset.Create && e.Address == address {
			list = append(list, e)
		}
	}
	return list
}

// A nonce is chosen before the intent is written, stands in it, and is what the create carries; two
// creates never share one.
func TestACreateCarriesTheNonceOfItsIntent(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0), tenant("zeta", 0)), reconciler.Question{})
	live, _ := w.cloud.byAddress()
	nonces := map[string]bool{}
	for _, owner := range []resource.Owner{"tenant/acme", "tenant/zeta"} {
		key := resource.Address{Owner: owner, Kind: "t.key", Name: "key"}
		intent := w.creates(key)
		if len(intent) != 1 || len(intent[0].Nonce) < 20 || intent[0].Nonce != live[key].Nonce {
			t.Errorf("the intent %+v, the key's nonce %q", intent, live[key].Nonce)
		}
		nonces[live[key].Nonce] = true
	}
	if bucket := w.creates(acmeBucket); len(nonces) != 2 || bucket[0].Nonce != "" || live[acmeBucket].Nonce != "" {
		t.Errorf("nonces: %v; that of a bucket, which has a name: %q", nonces, bucket[0].Nonce)
	}
	w.settled(target("c1", tenant("acme", 0), tenant("zeta", 0)), 6)
}

// An intent that is sent again is the same intent, also by another process.
func TestAnIntentThatIsSentAgainKeepsItsNonce(t *testing.T) {
	w := newWorld(t)
	w.Settle = time.Nanosecond
	w.cloud.before = func(call string) error {
		if call == "create "+acmeKey.String() {
			return fmt.Errorf("send: %w", providers.ErrUnsure)
		}
		return nil
	}
	one := target("c1", tenant("acme", 0))
	w.apply(one, reconciler.Question{})
	w.cloud.before = nil
	w.start()
	w.Settle = time.Nanosecond
	w.apply(one, reconciler.Question{})
	intents := w.creates(acmeKey)
	live, _ := w.cloud.byAddress()
	if len(intents) != 2 || intents[0].Nonce == "" || intents[1].Nonce != intents[0].Nonce || live[acmeKey].Nonce != intents[0].Nonce {
		t.Errorf("intents: %+v; the key's nonce: %q", intents, live[acmeKey].Nonce)
	}
}

// A create whose answer was lost is closed in the log when what it made is seen, and what it left half
// made is finished.
func TestAnIntentIsClosedWhenItsResourceIsSeen(t *testing.T) {
	w := newWorld(t)
	w.cloud.after = func(call string) error {
		if call != "create "+acmeKey.String() {
			return nil
		}
		w.cloud.mu.Lock()
		defer w.cloud.mu.Unlock()
		for id, o := range w.cloud.resources {
			o.Attributes = resource.Attributes{}
			w.cloud.resources[id] = o
		}
		return fmt.Errorf("read the answer: %w", providers.ErrUnsure)
	}
	one := target("c1", tenant("acme", 0))
	w.Settle = time.Hour
	w.apply(one, reconciler.Question{})
	w.cloud.after = nil
	if open, err := w.store.Unanswered(t.Context()); err != nil || len(open) != 1 {
		t.Fatalf("in doubt: %v, %v", open, err)
	}
	w.apply(one, reconciler.Question{})
	if got := w.answers(acmeKey); len(got) != 3 || got[0] != changeset.Unsure || got[1] != changeset.Unchanged {
		t.Errorf("the log says %v", got)
	}
	if open, err := w.store.Unanswered(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("in doubt: %v, %v", open, err)
	}
	w.settled(one, 3)
}

// What carries our address and not our nonce is not taken for what our create made: it may be a copy.
func TestACopyOfOurMarkIsNotOurCreate(t *testing.T) {
	w := newWorld(t)
	lost := true
	w.cloud.before = func(call string) error {
		if lost && call == "create "+acmeKey.String() {
			return fmt.Errorf("send: %w", providers.ErrUnsure)
		}
		return nil
	}
	one := target("c1", tenant("acme", 0))
	w.Settle = time.Nanosecond
	w.apply(one, reconciler.Question{})
	lost = false
	for _, nonce := range []string{"", "another"} {
		w.cloud.resources["copy"] = resource.Observed{Address: acmeKey, Scope: scope, ID: "copy", Nonce: nonce, Attributes: resource.Attributes{}}
		writes := w.cloud.writeCount()
		if o := outcome(t, w.apply(one, reconciler.Question{Correct: true}), acmeKey); o.Result != changeset.Held {
			t.Errorf("nonce %q: the copy was %s: %s", nonce, o.Result, o.Detail)
		}
		open, err := w.store.Unanswered(t.Context())
		if now := w.cloud.writeCount(); now != writes || err != nil || len(open) != 1 {
			t.Errorf("nonce %q: wrote %v; in doubt: %v, %v", nonce, w.cloud.writes[writes:], open, err)
		}
	}
	delete(w.cloud.resources, "copy")
	w.apply(one, reconciler.Question{})
	w.settled(one, 3)
}

// A resource whose nonce was changed after the plan was made is not what the plan was about.
func TestAChangedNonceIsNotWritten(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
	renamed := tenant("acme", 0)
	renamed[1].Attributes["alias"] = resource.String("alias/other")
	plan, writes := w.plan(target("c2", renamed), reconciler.Question{}), w.cloud.writeCount()
	for id, o := range w.cloud.resources {
		if o.Address == acmeKey {
			o.Nonce = "another"
			w.cloud.resources[id] = o
		}
	}
	outcomes, err := w.Apply(t.Context(), plan, reconciler.Order{Run: "stale"})
	if o := outcome(t, outcomes, acmeKey); err != nil || o.Result != changeset.Failed || w.cloud.writeCount() != writes {
		t.Errorf("the key was %s: %s, %v", o.Result, o.Detail, err)
	}
}
