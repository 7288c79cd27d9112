package reconciler_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// An odd driver is one of the cloud's that does something else in one of its methods.
type odd struct {
	*memory
	observe func(ctx context.Context, scope resource.Scope) ([]resource.Observed, error)
	create  func(ctx context.Context, want resource.Desired) (resource.Observed, error)
	update  func(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error)
}

func (o odd) Update(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error) {
	if o.update != nil {
		return o.update(ctx, have, want)
	}
	return o.memory.Update(ctx, have, want)
}

func (o odd) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	if o.observe != nil {
		return o.observe(ctx, scope)
	}
	return o.memory.Observe(ctx, scope, fleet)
}

func (o odd) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	if o.create != nil {
		return o.create(ctx, want)
	}
	return o.memory.Create(ctx, want, fleet)
}

// withOdd makes the driver of one kind odd.
func (w *world) withOdd(kind string, change func(*odd)) {
	w.Providers = func(*schema.Fleet, []string) (providers.Set, error) {
		set, err := w.cloud.set(kinds)
		o := odd{memory: set[kind].(*memory)}
		change(&o)
		set[kind] = o
		return set, err
	}
}

// blindTo hides resources of a kind from listings, as a list does that lags behind.
func (w *world) blindTo(kind string) {
	w.withOdd(kind, func(o *odd) {
		o.observe = func(context.Context, resource.Scope) ([]resource.Observed, error) { return nil, nil }
	})
}

var acmeKey = resource.Address{Owner: "tenant/acme", Kind: "t.key", Name: "key"}

func outcome(t *testing.T, outcomes []changeset.Outcome, address resource.Address) changeset.Outcome {
	t.Helper()
	at := slices.IndexFunc(outcomes, func(o changeset.Outcome) bool { return o.Address == address })
	if at < 0 {
		t.Fatalf("no outcome for %s in %v", address, outcomes)
	}
	return outcomes[at]
}

// A list may lag behind a create that succeeded. What can't be created twice in safety isn't
// created again before it must have shown.
func TestACreateIsNotRepeatedBecauseTheListLags(t *testing.T) {
	w := newWorld(t)
	w.Settle = time.Hour
	one := target("c1", tenant("acme", 0))
	w.apply(one, reconciler.Question{})
	w.blindTo("t.key")
	for range 3 {
		if o := outcome(t, w.apply(one, reconciler.Question{Correct: true}), acmeKey); o.Result != changeset.Held {
			t.Errorf("the key that the list doesn't show was %s: %s", o.Result, o.Detail)
		}
	}
	if w.cloud.made != 3 {
		t.Errorf("%d resources were created, want 3", w.cloud.made)
	}
}

// A create that made something and then failed isn't sent again, not even if the cloud says that
// it will be ready later.
func TestACreateThatMadeSomethingIsNotRepeated(t *testing.T) {
	for name, failure := range map[string]error{"failed": providers.ErrDenied, "pending": providers.ErrPending} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Settle = time.Hour
			w.withOdd("t.key", func(o *odd) {
				o.observe = func(context.Context, resource.Scope) ([]resource.Observed, error) { return nil, nil }
				o.create = func(ctx context.Context, want resource.Desired) (resource.Observed, error) {
					made, _ := o.memory.Create(ctx, want, "test")
					return made, fmt.Errorf("give it its alias: %w", failure)
				}
			})
			one := target("c1", tenant("acme", 0))
			plan, err := w.Plan(t.Context(), one, reconciler.Question{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Apply(t.Context(), plan, reconciler.Order{Run: "test", Patience: 2 * time.Second}); err != nil {
				t.Fatal(err)
			}
			w.apply(one, reconciler.Question{})
			if w.cloud.made != 1 {
				t.Errorf("%d keys were created", w.cloud.made)
			}
		})
	}
}

// A create that was refused before anything was made is sent again without a wait.
func TestARefusedCreateIsRepeatedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.Settle = time.Hour
	refuse := true
	w.cloud.before = func(string) error {
		if refuse {
			return providers.ErrDenied
		}
		return nil
	}
	one := target("c1", tenant("acme", 0))
	w.apply(one, reconciler.Question{})
	refuse = false
	w.apply(one, reconciler.Question{})
	w.settled(one, 3)
}

// A change that fails and is tried again for the same commit leaves alone what drifted beside it:
// that is for a person to decide, whatever else goes wrong.
func TestAFailureDoesNotDecideOnDrift(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
	bucket := resource.Address{Owner: "tenant/acme", Kind: "t.bucket", Name: "data"}
	w.cloud.change(bucket, "versioning", resource.Bool(true))
	fail := true
	w.cloud.before = func(call string) error {
		if fail && call == "update tenant/acme/t.queue/jobs" {
			return errors.New("throttled")
		}
		return nil
	}
	w.apply(target("c2", tenant("acme", 5)), reconciler.Question{})
	fail = false
	w.apply(target("c2", tenant("acme", 5)), reconciler.Question{})
	live, _ := w.cloud.byAddress()
	if got := live[bucket].Attributes["versioning"].Text(); got != "true" {
		t.Errorf("the second try put versioning back to %s", got)
	}
	if got := live[resource.Address{Owner: "tenant/acme", Kind: "t.queue", Name: "jobs"}].Attributes["delay"].Text(); got != "5" {
		t.Errorf("the second try left the delay at %s", got)
	}
}

// What an abandoned commit has done already is undone by its revert, even if the first try fails.
func TestARevertUndoesWhatWasHalfDone(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
	change := tenant("acme", 5)
	change[0].Attributes["versioning"] = resource.Bool(true)
	failing := "update tenant/acme/t.bucket/data"
	w.cloud.before = func(call string) error {
		if call == failing {
			return errors.New("throttled")
		}
		return nil
	}
	w.apply(target("c2", change), reconciler.Question{}) // the queue is changed, the bucket isn't
	failing = "update tenant/acme/t.queue/jobs"
	revert := target("c3", tenant("acme", 0))
	w.apply(revert, reconciler.Question{})
	failing = ""
	w.apply(revert, reconciler.Question{})
	w.settled(revert, 3)
	live, _ := w.cloud.byAddress()
	if got := live[resource.Address{Owner: "tenant/acme", Kind: "t.queue", Name: "jobs"}].Attributes["delay"].Text(); got != "0" {
		t.Errorf("the revert left the delay at %s", got)
	}
}

// What points at a replaced resource follows it, also when that takes a second try.
func TestASecondTryFollowsAReplacement(t *testing.T) {
	topic := func(name string) []resource.Desired {
		return []resource.Desired{desired("cell/eu-1", "t.queue", "alerts", map[string]any{"name": name})}
	}
	alerts := resource.Ref{Address: resource.Address{Owner: "cell/eu-1", Kind: "t.queue", Name: "alerts"}, Output: "arn"}
	user := []resource.Desired{desired("tenant/acme", "t.queue", "jobs", map[string]any{"name": "jobs", "key": alerts.Placeholder()})}
	w := newWorld(t)
	numbered := 0
	w.withOdd("t.queue", func(o *odd) {
		o.create = func(ctx context.Context, want resource.Desired) (resource.Observed, error) {
			made, err := o.memory.Create(ctx, want, "test")
			numbered++
			made.Outputs = map[string]string{"arn": fmt.Sprint("arn:", numbered)}
			w.cloud.resources[made.ID] = made
			return made, err
		}
	})
	w.apply(target("c1", topic("one"), user), reconciler.Question{})
	fail := true
	w.cloud.before = func(call string) error {
		if fail && call == "update tenant/acme/t.queue/jobs" {
			return errors.New("throttled")
		}
		return nil
	}
	second := target("c2", topic("two"), user)
	w.apply(second, reconciler.Question{})
	fail = false
	w.apply(second, reconciler.Question{})
	w.settled(second, 2)
}

// A tenant that moves out of a region or an account in the commit that takes the place out of the
// fleet still has what it had there. It must not come to have it twice.
func TestAMoveOutOfAPlaceThatIsTakenOutMakesNothingTwice(t *testing.T) {
	elsewhere := map[string]resource.Scope{
		"another region":  {Account: scope.Account, Region: "eu-west-1"},
		"another account": {Account: "222222222222", Region: scope.Region},
	}
	for name, to := range elsewhere {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Settle = time.Nanosecond
			w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
			moved := tenant("acme", 0)
			for i := range moved {
				moved[i].Scope = to
			}
			next := target("c2", moved)
			next.Fleet.Accounts = []schema.Account{{Name: "b", ID: to.Account, Regions: []string{to.Region}}}
			w.apply(next, reconciler.Question{Correct: true})
			w.apply(next, reconciler.Question{Correct: true})
			if _, err := w.cloud.byAddress(); err != nil {
				t.Error(err)
			}
			owners, err := w.store.Owners(t.Context())
			if err != nil || len(owners["tenant/acme"].Applied) == 0 {
				t.Errorf("what acme had is forgotten: %v, %v", owners["tenant/acme"], err)
			}
		})
	}
}

// What a removed owner has in an account that is taken out at the same time is not forgotten.
func TestARemovedOwnerInARemovedAccountIsNotForgotten(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0), tenant("zeta", 0)), reconciler.Question{})
	next := target("c2")
	next.Fleet.Accounts = nil
	next.Removed["tenant/zeta"] = "commit c2"
	plan, err := w.Plan(t.Context(), next, reconciler.Question{})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Changeset.Unseen) == 0 {
		t.Error("nobody is told that the account can't be read")
	}
	w.apply(next, reconciler.Question{})
	if owners, err := w.store.Owners(t.Context()); err != nil || len(owners["tenant/zeta"].Applied) != 3 {
		t.Errorf("of zeta is remembered %v, %v", owners["tenant/zeta"], err)
	}
}

// drifted has the daemon find drift and propose it, and returns the proposal's branch.
func (o *office) drifted(t *testing.T) string {
	t.Helper()
	o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
	o.wait(2 * time.Hour)
	open := o.board.open()
	if len(open) != 1 {
		t.Fatalf("open proposals: %v, want one", open)
	}
	return open[0]
}

// decide closes a proposal and tells the daemon.
func (o *office) decide(t *testing.T, branch, by string) {
	t.Helper()
	o.board.close(branch, "closed", by, false)
	o.Notice(t.Context(), reconciler.Hint{Drift: true})
	o.wait(time.Minute)
}

// Closing a drift report writes to the cloud, so that it counts only from those who may write to
// the repository. Others can close as well: whoever may triage, and robots that tidy up.
func TestOnlyWhoMayWriteDecidesOnDrift(t *testing.T) {
	for _, by := range []string{"mallory", "stale[bot]", ""} {
		t.Run("closed by "+by, func(t *testing.T) {
			inOffice(t, func(o *office) {
				branch, writes := o.drifted(t), o.cloud.writeCount()
				o.decide(t, branch, by)
				if now := o.cloud.writeCount(); now != writes {
					t.Errorf("wrote %v", o.cloud.writes[writes:])
				}
				if open := o.board.open(); len(open) != 1 {
					t.Errorf("open proposals: %v; nobody decided, so it is to be asked again", open)
				}
			})
		})
	}
}

// A restoration that fails is tried again, and its decision stays in force until then.
func TestARestorationThatFailsIsTriedAgain(t *testing.T) {
	inOffice(t, func(o *office) {
		branch, tries := o.drifted(t), 0
		o.cloud.before = func(string) error {
			if tries++; tries < 3 {
				return errors.New("throttled")
			}
			return nil
		}
		o.decide(t, branch, "dana")
		o.wait(10 * time.Minute)
		if got := o.retention(); got != "180" {
			t.Errorf("the logs are kept for %s days", got)
		}
		if open := o.board.open(); len(open) != 0 {
			t.Errorf("open proposals: %v", open)
		}
	})
}

// A restoration that is stopped between two writes isn't done, and its decision stays in force.
func TestARestorationThatIsStoppedGoesOnLater(t *testing.T) {
	inOffice(t, func(o *office) {
		branch := o.drifted(t)
		hold := o.Daemon.Reconciler.State
		if err := hold.Put(t.Context(), "hold", ""); err != nil {
			t.Fatal(err)
		}
		var over atomic.Bool
		o.Daemon.Reconciler.Recorder = holdsAt{hold.(reconciler.Recorder), hold, "restore", &over}
		o.decide(t, branch, "dana")
		if got := o.retention(); got != "90" {
			t.Fatalf("on hold, the logs are kept for %s days", got)
		}
		if err := hold.Put(t.Context(), "hold", ""); err != nil {
			t.Fatal(err)
		}
		over.Store(true)
		o.wait(3 * time.Hour)
		if got := o.retention(); got != "180" {
			t.Errorf("the logs are kept for %s days", got)
		}
	})
}

// holdsAt puts all writes on hold once a note that begins so is in the log, until that is over.
type holdsAt struct {
	reconciler.Recorder
	state reconciler.State
	note  string
	over  *atomic.Bool
}

func (h holdsAt) Record(ctx context.Context, e changeset.Entry) (int64, error) {
	if strings.HasPrefix(e.Detail, h.note) && !h.over.Load() {
		if err := h.state.Put(ctx, "hold", "the test says so"); err != nil {
			return 0, err
		}
	}
	return h.Recorder.Record(ctx, e)
}

// What is put back is what the closed proposal showed, and not what changed since.
func TestARestorationWritesNoMoreThanWasShown(t *testing.T) {
	inOffice(t, func(o *office) {
		branch := o.drifted(t)
		list := o.Daemon.Forge
		o.Daemon.Forge = meanwhile{list, func() { o.cloud.change(cedarLogs, "retentionDays", resource.Int(30)); time.Sleep(time.Second) }}
		writes := o.cloud.writeCount()
		o.decide(t, branch, "dana")
		if now := o.cloud.writeCount(); now != writes {
			t.Errorf("wrote %v, though nobody was shown the 30 days", o.cloud.writes[writes:])
		}
	})
}

// meanwhile is a forge during whose answer something happens in the cloud.
type meanwhile struct {
	reconciler.Forge
	happens func()
}

func (m meanwhile) Proposals(ctx context.Context, prefix string, since time.Time) ([]reconciler.ProposalState, error) {
	m.happens()
	return m.Forge.Proposals(ctx, prefix, since)
}

// A create that waits for the cloud is made in the end, with nobody asking again.
func TestACommitIsNotConvergedWhileACreateIsUnsure(t *testing.T) {
	inOffice(t, func(o *office) {
		lost := ""
		o.cloud.before = func(call string) error {
			if strings.HasPrefix(call, "create tenant/birch") && strings.Contains(call, "/aws.kms.key/") && lost == "" {
				lost = call
				return providers.ErrUnsure
			}
			return nil
		}
		second := o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			text := bytes.ReplaceAll(tree["tenants/cedar-clinic.cue"].Data, []byte("cedar-clinic"), []byte("birch-clinic"))
			tree["tenants/birch-clinic.cue"] = &fstest.MapFile{Data: text}
		})
		o.wait(2 * time.Minute)
		if lost == "" {
			t.Fatal("no key was asked for")
		}
		if c := o.board.check("tenantry/apply", second); c.Conclusion == "success" {
			t.Errorf("tenantry/apply is %s before the key is there: %s", c.Conclusion, c.Title)
		}
		o.wait(30 * time.Minute)
		if c := o.board.check("tenantry/apply", second); c.Conclusion != "success" {
			t.Errorf("tenantry/apply is %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
		}
		live, _ := o.cloud.byAddress()
		if _, there := live[resource.Address{Owner: "tenant/birch-clinic", Kind: "aws.kms.key", Name: "key"}]; !there {
			t.Errorf("the key was never made: lost %s", lost)
		}
	})
}

// A place that can't be read keeps the commit from converging, and keeps nobody from deciding on
// drift elsewhere.
func TestAnUnseenPlaceDoesNotStopDecisionsElsewhere(t *testing.T) {
	inOffice(t, func(o *office) {
		live, _ := o.cloud.byAddress()
		for _, r := range live {
			if r.Scope != live[cedarLogs].Scope && r.Scope.Region != resource.Global {
				o.cloud.mu.Lock()
				o.cloud.deny[r.Scope] = true
				o.cloud.mu.Unlock()
			}
		}
		if len(o.cloud.deny) == 0 {
			t.Fatal("everything is in one place")
		}
		o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 60"))
		o.wait(10 * time.Minute)
		if got := o.retention(); got != "60" {
			t.Errorf("the logs are kept for %s days", got)
		}
		o.decide(t, o.drifted(t), "dana")
		o.wait(10 * time.Minute)
		if got := o.retention(); got != "60" {
			t.Errorf("after the decision, the logs are kept for %s days", got)
		}
	})
}

// A state that can't settle one owner settles the others.
func TestOneOwnerThatCannotBeSettledStopsNoOther(t *testing.T) {
	w := newWorld(t)
	w.State = unsettling{w.store, "tenant/acme"}
	plan, err := w.Plan(t.Context(), target("c1", tenant("acme", 0), tenant("zeta", 0)), reconciler.Question{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Apply(t.Context(), plan, reconciler.Order{Run: "test"}); err == nil {
		t.Error("nobody is told that acme isn't settled")
	}
	owners, err := w.store.Owners(t.Context())
	if err != nil || owners["tenant/zeta"].Commit != "c1" {
		t.Errorf("zeta is at %v, %v", owners["tenant/zeta"].Commit, err)
	}
}

type unsettling struct {
	reconciler.State
	owner resource.Owner
}

func (u unsettling) Settle(ctx context.Context, owner resource.Owner, to reconciler.Settlement) error {
	if owner == u.owner {
		return errors.New("disk full")
	}
	return u.State.Settle(ctx, owner, to)
}

// A driver that breaks over one resource breaks nothing else, and what it was about may have been
// made.
func TestADriverThatPanicsStopsNobodyElse(t *testing.T) {
	w := newWorld(t)
	w.withOdd("t.key", func(o *odd) {
		o.create = func(ctx context.Context, want resource.Desired) (resource.Observed, error) {
			if want.Address == acmeKey {
				panic("correct-horse-battery")
			}
			return o.memory.Create(ctx, want, "test")
		}
	})
	outcomes := w.apply(target("c1", tenant("acme", 0), tenant("zeta", 0)), reconciler.Question{})
	if o := outcome(t, outcomes, acmeKey); o.Result != changeset.Failed || strings.Contains(o.Detail, "correct-horse") {
		t.Errorf("the key was %s: %s", o.Result, o.Detail)
	}
	if w.cloud.made != 3 {
		t.Errorf("%d resources were created, want zeta's 3", w.cloud.made)
	}
	if open, err := w.store.Unanswered(t.Context()); err != nil || len(open) != 1 {
		t.Errorf("creates without an answer: %v, %v", open, err)
	}
	entries, _ := w.store.Entries(t.Context(), time.Time{})
	if len(entries) != 8 {
		t.Errorf("%d entries in the log for 4 writes", len(entries))
	}
}

// A place whose listing breaks or never ends is unseen, and the others are seen.
func TestAListingThatBreaksOrHangsIsUnseen(t *testing.T) {
	for name, observe := range map[string]func(context.Context, resource.Scope) ([]resource.Observed, error){
		"breaks": func(context.Context, resource.Scope) ([]resource.Observed, error) { panic("index out of range") },
		"hangs": func(ctx context.Context, _ resource.Scope) ([]resource.Observed, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCloud()
				set, err := c.set(kinds)
				if err != nil {
					t.Fatal(err)
				}
				set["t.key"] = odd{memory: set["t.key"].(*memory), observe: observe}
				seen, err := reconciler.Observe(t.Context(), set, "test", []resource.Scope{scope})
				if err != nil || len(seen.Unseen) != 1 || seen.Unseen[changeset.Place{Scope: scope, Kind: "t.key"}] == "" {
					t.Errorf("unseen: %v, %v", seen.Unseen, err)
				}
			})
		})
	}
}

// Code from a stranger isn't run: of a fork only tenants, which are data, are evaluated. And it gets
// nothing that credentials were used for.
func TestAForkGetsNothingEvaluatedButData(t *testing.T) {
	inOffice(t, func(o *office) {
		ask := func(number int, change func(fstest.MapFS)) reconciler.Commit {
			head := o.git.commit(fmt.Sprintf("refs/pull/%d/head", number), o.first, change)
			o.board.mu.Lock()
			o.board.pulls = append(o.board.pulls, reconciler.PullRequest{Number: number, Head: head, Base: o.first, Fork: true})
			o.board.mu.Unlock()
			o.wait(3 * time.Minute)
			return head
		}
		data := ask(7, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		if c := o.board.check("tenantry/validate", data); c.Conclusion != "success" {
			t.Errorf("tenantry/validate of a fork's tenant is %s: %s", c.Conclusion, c.Title)
		}
		if c := o.board.check("tenantry/plan", data); c.Conclusion != "neutral" {
			t.Errorf("tenantry/plan of a fork is %s: %s", c.Conclusion, c.Title)
		}
		code := ask(8, func(tree fstest.MapFS) {
			tree["policies/mine.cue"] = &fstest.MapFile{Data: []byte("package fleet\n\nthis is not even CUE")}
		})
		if c := o.board.check("tenantry/validate", code); c.Conclusion != "action_required" || len(c.Annotations) > 0 {
			t.Errorf("tenantry/validate of a fork's policy is %s: %s %v", c.Conclusion, c.Title, c.Annotations)
		}
		if len(o.board.comments) != 0 {
			t.Errorf("comments on a fork's pull requests: %v", o.board.comments)
		}
	})
}

// With the memory lost, what differs may have been changed by somebody: a person is asked, as after
// a restart with it.
func TestALostMemoryAsksRatherThanOverwrites(t *testing.T) {
	w := newWorld(t)
	one := target("c1", tenant("acme", 0))
	w.apply(one, reconciler.Question{})
	bucket := resource.Address{Owner: "tenant/acme", Kind: "t.bucket", Name: "data"}
	w.cloud.change(bucket, "versioning", resource.Bool(true))
	w.dir = t.TempDir()
	w.start()
	writes := w.cloud.writeCount()
	for range 3 {
		w.apply(target("c1", tenant("acme", 0), tenant("zeta", 0)), reconciler.Question{})
	}
	for _, write := range w.cloud.writes[writes:] {
		if strings.Contains(write, "acme") {
			t.Errorf("wrote %s", write)
		}
	}
	live, _ := w.cloud.byAddress()
	if len(live) != 6 {
		t.Errorf("%d resources are live; zeta is new, and nobody need be asked about it", len(live))
	}
	w.apply(one, reconciler.Question{Correct: true})
	live, _ = w.cloud.byAddress()
	if got := live[bucket].Attributes["versioning"].Text(); got != "false" {
		t.Errorf("when asked to put drift back, versioning is %s", got)
	}
}

// A write that took effect although its answer was an error is no failure of the commit in the end.
func TestAFailureThatIsNoneInTheEndIsNotReported(t *testing.T) {
	inOffice(t, func(o *office) {
		failed := false
		o.cloud.after = func(string) error {
			if !failed {
				failed = true
				return errors.New("internal error")
			}
			return nil
		}
		second := o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.wait(10 * time.Minute)
		if c := o.board.check("tenantry/apply", second); c.Conclusion != "success" {
			t.Errorf("tenantry/apply is %s: %s", c.Conclusion, c.Title)
		}
	})
}
