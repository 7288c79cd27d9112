package reconciler_test

import (
	"testing"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A store that was lost, and a run that dies at its first write after that: what somebody changed
// meanwhile in the rest of the owner is drift still, and is held.
func TestALostStoreAndACrashOverwriteNoDrift(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
	w.cloud.change(acmeBucket, "versioning", resource.Bool(true))
	w.dir = t.TempDir() // the store is lost
	w.start()
	two := target("c2", append(tenant("acme", 0), desired("tenant/acme", "t.queue", "more", map[string]any{"name": "acme-more"})))
	more := resource.Address{Owner: "tenant/acme", Kind: "t.queue", Name: "more"}
	entry := changeset.Entry{Run: "dies", Phase: changeset.Before, Fleet: "test", Commit: "c2", Address: more, Scope: scope, Action: changeset.Create}
	if _, err := w.store.Record(t.Context(), entry); err != nil { // and nothing after it
		t.Fatal(err)
	}
	w.start()
	o := outcome(t, w.apply(two, reconciler.Question{}), acmeBucket)
	if live, _ := w.cloud.byAddress(); o.Result != changeset.Held || live[acmeBucket].Attributes["versioning"] != resource.Bool(true) {
		t.Errorf("the bucket's drift was %s: %s; it has %v", o.Result, o.Detail, live[acmeBucket].Attributes)
	}
}
