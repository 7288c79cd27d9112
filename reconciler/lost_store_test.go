package reconciler_test

import (
	"testing"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
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

// A run that died at its first write of a kind, and a next commit that doesn't name the kind any more:
// what was made is looked for nonetheless.
func TestWhatWasBegunIsLookedForWhenNoDefinitionNamesItsKind(t *testing.T) {
	w := newWorld(t)
	queue := resource.Address{Owner: "tenant/acme", Kind: "t.queue", Name: "jobs"}
	entry := changeset.Entry{Run: "dies", Phase: changeset.Before, Fleet: "test", Commit: "c1", Address: queue, Scope: scope, Action: changeset.Create}
	if _, err := w.store.Record(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	w.cloud.resources["jobs"] = resource.Observed{Address: queue, Scope: scope, ID: "jobs", Attributes: resource.Attributes{"name": resource.String("acme-jobs")}}
	w.Providers = func(_ *schema.Fleet, named []string) (providers.Set, error) {
		some := map[string]resource.Kind{"t.key": kinds["t.key"]}
		for _, kind := range named {
			some[kind] = kinds[kind]
		}
		return w.cloud.set(some)
	}
	key := desired("tenant/acme", "t.key", "key", map[string]any{"alias": "alias/acme"})
	w.apply(target("c2", []resource.Desired{key}), reconciler.Question{})
	w.settled(target("c2", []resource.Desired{key}), 1)
}
