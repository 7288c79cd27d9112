package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tenantry.dev/internal/store"
	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// The kinds of these tests: a key that can't be created twice in safety, a bucket that holds data
// and refers to it, and a queue.
var kinds = map[string]resource.Kind{
	"t.key":    {Name: "t.key", DataBearing: true, Unrepeatable: true, Outputs: []string{"arn"}, Attributes: []resource.Attribute{{Name: "alias"}}},
	"t.bucket": {Name: "t.bucket", DataBearing: true, Uses: []string{"t.key"}, Outputs: []string{"arn"}, Attributes: []resource.Attribute{{Name: "name", Immutable: true}, {Name: "key"}, {Name: "versioning", Default: resource.Bool(false)}}},
	"t.queue":  {Name: "t.queue", Uses: []string{"t.key"}, Outputs: []string{"arn"}, Attributes: []resource.Attribute{{Name: "name", Immutable: true}, {Name: "delay", Default: resource.Int(0)}, {Name: "key"}}},
}

var scope = resource.Scope{Account: "111111111111", Region: "eu-central-1"}

// a world is a cloud, a store and a reconciler over both.
type world struct {
	t     *testing.T
	cloud *cloud
	dir   string
	store *store.Store
	*reconciler.Reconciler
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, cloud: newCloud(), dir: t.TempDir()}
	w.start()
	t.Cleanup(func() { _ = w.store.Close() })
	return w
}

// start opens the store anew, as a process that starts does.
func (w *world) start() {
	w.t.Helper()
	if w.store != nil {
		if err := w.store.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	var err error
	if w.store, err = store.Open(w.t.Context(), w.dir, store.ReadWrite); err != nil {
		w.t.Fatal(err)
	}
	w.Reconciler = &reconciler.Reconciler{
		Providers: func(*schema.Fleet, []string) (providers.Set, error) { return w.cloud.set(kinds) },
		State:     w.store, Recorder: w.store, Observer: reconciler.NewObserver(0), AtOnce: 1,
	}
}

func desired(owner resource.Owner, kind, name string, attributes map[string]any) resource.Desired {
	d := resource.Desired{Address: resource.Address{Owner: owner, Kind: kind, Name: name}, Scope: scope, Cell: "eu-1", Attributes: resource.Attributes{}}
	for name, v := range attributes {
		value, err := resource.Of(v)
		if err != nil {
			panic(err)
		}
		d.Attributes[name] = value
	}
	return d
}

// tenant renders one tenant: a key, and a bucket and a queue that refer to it.
func tenant(name string, delay int) []resource.Desired {
	owner := resource.Tenant(name)
	key := resource.Ref{Address: resource.Address{Owner: owner, Kind: "t.key", Name: "key"}, Output: "arn"}
	return []resource.Desired{
		desired(owner, "t.bucket", "data", map[string]any{"name": name + "-data", "key": key.Placeholder()}),
		desired(owner, "t.key", "key", map[string]any{"alias": "alias/" + name}),
		desired(owner, "t.queue", "jobs", map[string]any{"name": name + "-jobs", "key": key.Placeholder(), "delay": delay}),
	}
}

func target(commit string, list ...[]resource.Desired) reconciler.Target {
	t := reconciler.Target{
		Commit:  reconciler.Commit(commit),
		Fleet:   &schema.Fleet{Name: "test", Accounts: []schema.Account{{Name: "a", ID: scope.Account, Regions: []string{scope.Region}}}, Limits: changeset.Limits{Count: 100, Percent: 100}},
		Removed: map[resource.Owner]string{},
	}
	for _, l := range list {
		t.Rendering.Desired = append(t.Rendering.Desired, l...)
	}
	return t
}

// apply plans and applies once.
func (w *world) apply(t reconciler.Target, q reconciler.Question) []changeset.Outcome {
	w.t.Helper()
	plan, err := w.Plan(w.t.Context(), t, q)
	if err != nil {
		w.t.Fatal(err)
	}
	outcomes, err := w.Apply(w.t.Context(), plan, reconciler.Order{Run: "test", Actor: "test", Patience: time.Nanosecond})
	if err != nil {
		w.t.Fatal(err)
	}
	return outcomes
}

// settled fails the test unless another pass writes nothing and the cloud has exactly this.
func (w *world) settled(t reconciler.Target, want int) {
	w.t.Helper()
	before := w.cloud.writeCount()
	for _, o := range w.apply(t, reconciler.Question{}) {
		w.t.Errorf("second pass: %s %s: %s %s", o.Action, o.Address, o.Result, o.Detail)
	}
	if now := w.cloud.writeCount(); now != before {
		w.t.Errorf("second pass wrote: %v", w.cloud.writes[before:])
	}
	live, err := w.cloud.byAddress()
	if err != nil {
		w.t.Error(err)
	}
	if len(live) != want {
		w.t.Errorf("%d resources are live, want %d: %v", len(live), want, live)
	}
}

func TestOnboardingCreatesInOrderAndSettles(t *testing.T) {
	w := newWorld(t)
	one := target("c1", tenant("acme", 0))
	for _, o := range w.apply(one, reconciler.Question{}) {
		if o.Result != changeset.Applied {
			t.Errorf("%s: %s %s", o.Address, o.Result, o.Detail)
		}
	}
	if first := w.cloud.writes[0]; first != "create tenant/acme/t.key/key" {
		t.Errorf("the first write is %s; the others refer to the key", first)
	}
	live, _ := w.cloud.byAddress()
	bucket := live[resource.Address{Owner: "tenant/acme", Kind: "t.bucket", Name: "data"}]
	if got := bucket.Attributes["key"].Text(); !strings.HasPrefix(got, "arn:") {
		t.Errorf("the bucket's key is %q, not the key's ARN", got)
	}
	w.settled(one, 3)
	entries, err := w.store.Entries(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 6 {
		t.Errorf("%d entries in the log for 3 writes, want one before and one after each", len(entries))
	}
}

// A process may die at any effect, before it or right after it. The next one brings the cloud to
// the same end, with nothing twice and nothing left over.
func TestEveryCrashConverges(t *testing.T) {
	onboard := target("c2", tenant("acme", 0), tenant("zeta", 0))
	change := target("c2", tenant("acme", 7))
	change.Removed["tenant/zeta"] = "commit c2"
	stories := map[string]struct {
		first, then reconciler.Target
		live        int
	}{
		"onboarding":             {target("c1", tenant("acme", 0)), onboard, 6},
		"a change and a removal": {onboard, change, 5}, // of zeta, what holds data stays, retired
	}
	for name, story := range stories {
		for _, when := range []string{"before", "after"} {
			for k := 1; ; k++ {
				w := newWorld(t)
				w.apply(story.first, reconciler.Question{})
				killed := w.dieAt(k, when)
				ctx, cancel := context.WithCancelCause(t.Context())
				plan, err := w.Plan(ctx, story.then, reconciler.Question{})
				if err != nil {
					t.Fatal(err)
				}
				w.Recorder, w.State = diesWith{w.store, killed}, mortal{w.store, killed}
				_, _ = w.Apply(ctx, plan, reconciler.Order{Run: "dies", Fence: killed})
				cancel(nil)
				if killed() == nil {
					break // there is no k-th effect any more
				}
				w.cloud.before, w.cloud.after = nil, nil
				w.start()
				w.Settle = time.Nanosecond
				w.apply(story.then, reconciler.Question{})
				t.Run(fmt.Sprintf("%s, dies %s effect %d", name, when, k), func(t *testing.T) {
					w.t = t
					w.settled(story.then, story.live)
				})
			}
		}
	}
}

// dieAt makes the process dead from the k-th effect on: nothing that it does afterwards reaches
// the cloud or the log.
func (w *world) dieAt(k int, when string) (dead func() error) {
	var n atomic.Int64 // what is remembered, and asks, isn't bounded as writes are
	dead = func() error {
		if n.Load() >= int64(k) {
			return errKilled
		}
		return nil
	}
	count := func(string) error {
		n.Add(1)
		return dead()
	}
	if when == "before" {
		w.cloud.before = count
	} else {
		w.cloud.after = count
		w.cloud.before = func(string) error { return dead() }
	}
	return dead
}

// diesWith is a log that a dead process can't write.
type diesWith struct {
	reconciler.Recorder
	dead func() error
}

func (d diesWith) Record(ctx context.Context, e changeset.Entry) (int64, error) {
	if err := d.dead(); err != nil {
		return 0, err
	}
	return d.Recorder.Record(ctx, e)
}

// A create whose answer was lost may still arrive. No second one is sent until that can't be.
func TestALostCreateIsNotRepeatedEarly(t *testing.T) {
	w := newWorld(t)
	lost := true
	w.cloud.before = func(call string) error {
		if lost && call == "create tenant/acme/t.key/key" {
			return fmt.Errorf("send: %w", providers.ErrUnsure)
		}
		return nil
	}
	one := target("c1", tenant("acme", 0))
	w.Settle = time.Hour
	w.apply(one, reconciler.Question{})
	lost = false
	for _, o := range w.apply(one, reconciler.Question{}) {
		if o.Address.Kind == "t.key" && o.Result != changeset.Held {
			t.Errorf("the key was %s within the settle time: %s", o.Result, o.Detail)
		}
	}
	if w.cloud.made != 0 {
		t.Fatalf("%d resources were created", w.cloud.made)
	}
	w.Settle = time.Nanosecond
	w.apply(one, reconciler.Question{})
	w.settled(one, 3)
}

func TestOneFailureBlocksOnlyWhatNeedsIt(t *testing.T) {
	w := newWorld(t)
	w.cloud.before = func(call string) error {
		if call == "create tenant/acme/t.key/key" {
			return errors.New("the cloud says no")
		}
		return nil
	}
	result := map[string]changeset.Result{}
	for _, o := range w.apply(target("c1", tenant("acme", 0), tenant("zeta", 0)), reconciler.Question{}) {
		result[o.Address.String()] = o.Result
	}
	want := map[string]changeset.Result{
		"tenant/acme/t.key/key": changeset.Failed, "tenant/acme/t.bucket/data": changeset.Blocked, "tenant/acme/t.queue/jobs": changeset.Blocked,
		"tenant/zeta/t.key/key": changeset.Applied, "tenant/zeta/t.bucket/data": changeset.Applied, "tenant/zeta/t.queue/jobs": changeset.Applied,
	}
	for address, r := range want {
		if result[address] != r {
			t.Errorf("%s is %s, want %s", address, result[address], r)
		}
	}
}

func TestDriftIsHeldAndACommitDoesNotUndoIt(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
	bucket := resource.Address{Owner: "tenant/acme", Kind: "t.bucket", Name: "data"}
	w.cloud.change(bucket, "versioning", resource.Bool(true))
	before := w.cloud.writeCount()
	w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
	if w.cloud.writeCount() != before {
		t.Errorf("drift was corrected without being asked: %v", w.cloud.writes[before:])
	}
	w.apply(target("c2", tenant("acme", 5)), reconciler.Question{})
	live, _ := w.cloud.byAddress()
	if got := live[bucket].Attributes["versioning"].Text(); got != "true" {
		t.Errorf("a commit that is about something else undid the drift: versioning is %s", got)
	}
	w.apply(target("c2", tenant("acme", 5)), reconciler.Question{Correct: true})
	live, _ = w.cloud.byAddress()
	if got := live[bucket].Attributes["versioning"].Text(); got != "false" {
		t.Errorf("drift was not corrected when asked: versioning is %s", got)
	}
}

func TestAbsenceIsNotIntent(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0), tenant("zeta", 0)), reconciler.Question{})
	before := w.cloud.writeCount()
	for name, t2 := range map[string]reconciler.Target{
		"an absent tenant": target("c2", tenant("acme", 0)),
		"an empty fleet":   target("c2"),
	} {
		w.apply(t2, reconciler.Question{Correct: true})
		if w.cloud.writeCount() != before {
			t.Errorf("%s: wrote %v", name, w.cloud.writes[before:])
		}
	}
	broken := target("c2", tenant("acme", 0))
	broken.Rendering.Broken = map[resource.Owner]string{"tenant/zeta": "tenants/zeta.cue:3:1: no such plan"}
	w.apply(broken, reconciler.Question{Correct: true})
	w.cloud.deny[scope] = true
	w.apply(target("c2"), reconciler.Question{Correct: true})
	if w.cloud.writeCount() != before {
		t.Errorf("wrote %v", w.cloud.writes[before:])
	}
}

func TestTheFenceStopsBetweenWrites(t *testing.T) {
	w := newWorld(t)
	plan, err := w.Plan(t.Context(), target("c1", tenant("acme", 0)), reconciler.Question{})
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := w.Apply(t.Context(), plan, reconciler.Order{Run: "fenced", Fence: func() error {
		if w.cloud.writeCount() >= 1 {
			return errors.New("a newer commit took over")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if w.cloud.writeCount() != 1 {
		t.Errorf("%d writes passed the fence, want 1", w.cloud.writeCount())
	}
	skipped := 0
	for _, o := range outcomes {
		if o.Result == changeset.Skipped {
			skipped++
		}
	}
	if skipped != 2 {
		t.Errorf("%d changes are skipped, want 2: %v", skipped, outcomes)
	}
}

// Without its entry in the log, nothing is sent.
func TestNoWriteWithoutTheLog(t *testing.T) {
	w := newWorld(t)
	w.Recorder = diesWith{w.store, func() error { return errors.New("disk full") }}
	for _, o := range w.apply(target("c1", tenant("acme", 0)), reconciler.Question{}) {
		if o.Result == changeset.Applied {
			t.Errorf("%s was applied", o.Address)
		}
	}
	if w.cloud.writeCount() != 0 {
		t.Errorf("wrote %v", w.cloud.writes)
	}
}
