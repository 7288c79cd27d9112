package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// hour is a question that may stand on what was known within an hour.
var hour = reconciler.Question{Within: time.Hour}

// A meter counts what is read.
type meter struct {
	mu   sync.Mutex
	read []string // "list KIND", "read ADDRESS"
	lies bool     // of deletions
}

func (m *meter) note(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.read = append(m.read, what)
}

func (m *meter) take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.read
	m.read = nil
	slices.Sort(out)
	return out
}

type metered struct {
	*memory
	meter *meter
}

func (d metered) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	d.meter.note("list " + d.kind.Name)
	return d.memory.Observe(ctx, scope, fleet)
}

func (d metered) Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	d.meter.note("read " + have.Address.String())
	return d.memory.Refresh(ctx, have)
}

// Delete does nothing if the meter is to be lied to.
func (d metered) Delete(ctx context.Context, have resource.Observed) error {
	if d.meter.lies {
		return nil
	}
	return d.memory.Delete(ctx, have)
}

// Create says nothing of what it made if its answer is lost.
func (d metered) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	made, err := d.memory.Create(ctx, want, fleet)
	if errors.Is(err, providers.ErrUnsure) {
		made = resource.Observed{}
	}
	return made, err
}

// metered has a world's reads counted.
func (w *world) metered() *meter {
	m := &meter{}
	w.Providers = func(*schema.Fleet, []string) (providers.Set, error) {
		set, err := w.cloud.set(kinds)
		for name, d := range set {
			set[name] = metered{d.(*memory), m}
		}
		return set, err
	}
	return m
}

// passes applies a target until nothing is left to do, five times at most, as the daemon does.
func (w *world) passes(t reconciler.Target, q reconciler.Question) error {
	for range 5 {
		plan, err := w.Plan(context.Background(), t, q)
		if err != nil {
			return err
		}
		order := reconciler.Order{Run: "passes", Actor: "test", Patience: time.Nanosecond}
		if _, err := w.Apply(context.Background(), plan, order); err != nil {
			return err
		}
		if len(plan.Changeset.Ready()) == 0 {
			return nil
		}
	}
	return nil
}

func fleetOf(tenants int) [][]resource.Desired {
	var list [][]resource.Desired
	for i := range tenants {
		list = append(list, tenant(fmt.Sprintf("t%02d", i), 0))
	}
	return list
}

// What is read for one tenant doesn't depend on how many others there are.
func TestOneTenantCostsItsOwnReads(t *testing.T) {
	var first []string
	for _, others := range []int{2, 20} {
		w := newWorld(t)
		m := w.metered()
		before := target("c1", fleetOf(others)...)
		if err := w.passes(before, reconciler.Question{}); err != nil {
			t.Fatal(err)
		}
		m.take()
		if err := w.passes(target("c2", append(fleetOf(others), tenant("acme", 0))...), hour); err != nil {
			t.Fatal(err)
		}
		onboarding := m.take()
		// The proof reads what was written, and that is all.
		want := []string{"read tenant/acme/t.bucket/data", "read tenant/acme/t.key/key", "read tenant/acme/t.queue/jobs"}
		if !slices.Equal(onboarding, want) {
			t.Errorf("with %d others, onboarding read %v, want %v", others, onboarding, want)
		}
		if err := w.passes(target("c3", append(fleetOf(others), tenant("acme", 9))...), hour); err != nil {
			t.Fatal(err)
		}
		change := m.take()
		if first == nil {
			first = change
		}
		if !slices.Equal(change, first) || slices.ContainsFunc(change, func(what string) bool { return !strings.Contains(what, "acme") }) {
			t.Errorf("with %d others, a change read %v", others, change)
		}
		w.settled(target("c3", append(fleetOf(others), tenant("acme", 9))...), 3*others+3)
	}
}

// A story is a fleet, a commit that changes it, what somebody does meanwhile to those whom the commit
// concerns, and what goes wrong while it is applied.
type story struct {
	first, then reconciler.Target
	correct     bool
	meanwhile   []func(*cloud)
	failure     int // the effect that fails; 0 for none
	lost        bool
}

func stories() *rapid.Generator[story] {
	return rapid.Custom(func(t *rapid.T) story {
		var before, after [][]resource.Desired
		s := story{correct: rapid.Bool().Draw(t, "correct"), failure: rapid.IntRange(0, 8).Draw(t, "failure"), lost: rapid.Bool().Draw(t, "lost")}
		var removed []resource.Owner
		for i := range rapid.IntRange(1, 4).Draw(t, "tenants") {
			name := fmt.Sprintf("t%d", i)
			fate := rapid.SampledFrom([]string{"stays", "changes", "goes", "shrinks", "comes"}).Draw(t, name)
			if fate != "comes" {
				before = append(before, tenant(name, 0))
			}
			switch fate {
			case "goes":
				removed = append(removed, resource.Tenant(name))
			case "shrinks":
				after = append(after, slices.DeleteFunc(tenant(name, 0), func(d resource.Desired) bool { return d.Address.Kind != "t.key" }))
			case "changes":
				after = append(after, tenant(name, 7))
			default:
				after = append(after, tenant(name, 0))
			}
			if fate == "changes" || fate == "goes" || fate == "shrinks" {
				s.meanwhile = append(s.meanwhile, meddling(t, name)...)
			}
		}
		s.first, s.then = target("c1", before...), target("c2", after...)
		for _, owner := range removed {
			s.then.Removed[owner] = "commit c2"
		}
		return s
	})
}

// meddling is what somebody may do to a tenant's resources at the console.
func meddling(t *rapid.T, name string) []func(*cloud) {
	var list []func(*cloud)
	for _, d := range tenant(name, 0) {
		address := d.Address
		switch rapid.SampledFrom([]string{"nothing", "nothing", "change", "delete", "retire"}).Draw(t, address.String()) {
		case "change":
			attribute := map[string]string{"t.key": "alias", "t.bucket": "versioning", "t.queue": "delay"}[address.Kind]
			value := map[string]resource.Value{"t.key": resource.String("alias/odd"), "t.bucket": resource.Bool(true), "t.queue": resource.Int(5)}[address.Kind]
			list = append(list, func(c *cloud) { c.change(address, attribute, value) })
		case "delete":
			list = append(list, func(c *cloud) {
				c.mu.Lock()
				defer c.mu.Unlock()
				maps.DeleteFunc(c.resources, func(_ string, o resource.Observed) bool { return o.Address == address })
			})
		case "retire":
			list = append(list, func(c *cloud) {
				c.mu.Lock()
				defer c.mu.Unlock()
				for id, o := range c.resources {
					if o.Address == address && address.Kind != "t.queue" {
						o.Retired = "2026-01-01T00:00:00Z"
						c.resources[id] = o
					}
				}
			})
		}
	}
	return list
}

// breakOff has one of the writes that come now fail, before or after its effect.
func (s story) breakOff(c *cloud) {
	n := 0
	fails := func(string) error {
		if n++; n == s.failure {
			return fmt.Errorf("in the middle: %w", providers.ErrUnsure)
		}
		return nil
	}
	if s.lost {
		c.after = fails
	} else {
		c.before = fails
	}
}

// end plays a story, and returns what the cloud has then and what a look at everything says of it.
func (s story) end(t *testing.T, q reconciler.Question) (map[string]string, error) {
	w := newWorld(t)
	w.metered()
	w.Settle = time.Nanosecond
	if err := w.passes(s.first, reconciler.Question{}); err != nil {
		return nil, err
	}
	for _, meddle := range s.meanwhile {
		meddle(w.cloud)
	}
	s.breakOff(w.cloud)
	q.Correct = s.correct
	if err := w.passes(s.then, q); err != nil {
		return nil, err
	}
	w.cloud.before, w.cloud.after = nil, nil
	live, err := w.cloud.byAddress()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for address, o := range live {
		// Ids of keys tell how many were made before, and that may differ.
		out[address.String()] = fmt.Sprint(o.Attributes["delay"], o.Attributes["versioning"], o.Attributes["alias"], o.Retired != "")
	}
	plan, err := w.Plan(context.Background(), s.then, reconciler.Question{})
	for _, c := range plan.Changeset.Changes {
		out["plan "+c.Address.String()] = fmt.Sprint(c.Action, c.Cause, c.HoldKind)
	}
	return out, err
}

// A narrow look ends where a look at everything does, whatever was done meanwhile to those whom the commit
// concerns, and wherever the first try breaks off.
func TestANarrowLookEndsWhereAWholeOneDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := stories().Draw(rt, "story")
		whole, err := s.end(t, reconciler.Question{})
		if err != nil {
			rt.Fatal(err)
		}
		narrow, err := s.end(t, hour)
		if err != nil {
			rt.Fatal(err)
		}
		if !maps.Equal(whole, narrow) {
			rt.Fatalf("narrow:\n%v\nwhole:\n%v", narrow, whole)
		}
	})
}

// A create that can't be repeated is never sent on the strength of what was known: if the log has one, the
// place is listed first.
func TestWhatWasKnownAllowsNoSecondCreate(t *testing.T) {
	for name, answer := range map[string]error{"the answer was lost": providers.ErrUnsure, "it was made in part": errors.New("no alias")} {
		w := newWorld(t)
		w.Settle = time.Nanosecond
		m := w.metered()
		if err := w.passes(target("c1", tenant("zeta", 0)), reconciler.Question{}); err != nil {
			t.Fatal(err)
		}
		w.cloud.after = func(call string) error {
			if call == "create "+acmeKey.String() {
				return fmt.Errorf("create: %w", answer)
			}
			return nil
		}
		then := target("c2", tenant("zeta", 0), tenant("acme", 0))
		w.apply(then, hour)
		w.cloud.after = nil
		m.take()
		if err := w.passes(then, hour); err != nil {
			t.Fatal(err)
		}
		if read := m.take(); !slices.Contains(read, "list t.key") && !slices.Contains(read, "read "+acmeKey.String()) {
			t.Errorf("%s: read %v", name, read)
		}
		w.settled(then, 6)
	}
}

// What a lost create may have left is looked for when Git doesn't ask for it any more.
func TestWhatIsNotWantedAnyMoreIsLookedFor(t *testing.T) {
	w := newWorld(t)
	w.Settle = time.Nanosecond
	w.metered()
	if err := w.passes(target("c1", tenant("acme", 0)), reconciler.Question{}); err != nil {
		t.Fatal(err)
	}
	w.cloud.after = func(call string) error {
		if call == "create tenant/zeta/t.queue/jobs" {
			return providers.ErrUnsure
		}
		return nil
	}
	w.apply(target("c2", tenant("acme", 0), tenant("zeta", 0)), hour)
	w.cloud.after = nil
	then := target("c3", tenant("acme", 0))
	then.Removed["tenant/zeta"] = "commit c3"
	if err := w.passes(then, hour); err != nil {
		t.Fatal(err)
	}
	w.settled(then, 5) // of zeta, what holds data stays, retired
}

// What was deleted is there until it was looked for.
func TestADeletionIsProven(t *testing.T) {
	w := newWorld(t)
	m := w.metered()
	if err := w.passes(target("c1", tenant("acme", 0)), reconciler.Question{}); err != nil {
		t.Fatal(err)
	}
	then := target("c2")
	then.Removed["tenant/acme"] = "commit c2"
	m.lies = true
	w.apply(then, hour)
	m.lies = false
	if plan := w.plan(then, hour); len(plan.Changeset.Ready()) != 1 {
		t.Errorf("the plan has %+v", plan.Changeset.Changes)
	}
	if err := w.passes(then, hour); err != nil {
		t.Fatal(err)
	}
	w.settled(then, 2)
}

// What a plan says of anybody was read for it.
func TestAPlanSaysNothingThatWasOnlyKnown(t *testing.T) {
	w := newWorld(t)
	first := target("c1", tenant("acme", 0), tenant("zeta", 0))
	if err := w.passes(first, reconciler.Question{}); err != nil {
		t.Fatal(err)
	}
	zeta := resource.Address{Owner: "tenant/zeta", Kind: "t.bucket", Name: "data"}
	w.cloud.change(zeta, "versioning", resource.Bool(true))
	if plan := w.plan(first, reconciler.Question{}); len(plan.Changeset.Changes) != 1 {
		t.Fatalf("the plan has %+v", plan.Changeset.Changes)
	}
	w.cloud.change(zeta, "versioning", resource.Bool(false))
	if plan := w.plan(target("c2", tenant("acme", 1), tenant("zeta", 0)), hour); len(plan.Changeset.Changes) != 1 || plan.Changeset.Changes[0].Address.Owner != "tenant/acme" {
		t.Errorf("the plan has %+v", plan.Changeset.Changes)
	}
}

// A percentage is of what there is now. What was known to be there may be gone.
func TestAPercentageIsOfWhatIsThereNow(t *testing.T) {
	w := newWorld(t)
	first := target("c1", fleetOf(8)...)
	if err := w.passes(first, reconciler.Question{}); err != nil {
		t.Fatal(err)
	}
	w.cloud.mu.Lock()
	maps.DeleteFunc(w.cloud.resources, func(_ string, o resource.Observed) bool { return o.Address.Owner.Name() > "t01" })
	w.cloud.mu.Unlock()
	then := target("c2", append(fleetOf(8)[1:], slices.DeleteFunc(tenant("t00", 0), func(d resource.Desired) bool { return d.Address.Kind == "t.queue" }))...)
	then.Fleet.Limits = changeset.Limits{Window: time.Hour, Percent: 10} // of 24 resources two, of 6 none
	plan, err := w.Plan(t.Context(), then, hour)
	if err != nil {
		t.Fatal(err)
	}
	queue := resource.Address{Owner: "tenant/t00", Kind: "t.queue", Name: "jobs"}
	at := slices.IndexFunc(plan.Changeset.Changes, func(c changeset.Change) bool { return c.Address == queue })
	if at < 0 || plan.Changeset.Changes[at].HoldKind != changeset.HoldLimit {
		t.Errorf("the plan has %+v", plan.Changeset.Changes)
	}
}

// What couldn't be read is listed again, and so is what was listed too long ago or never.
func TestWhatIsNotKnownIsListed(t *testing.T) {
	w := newWorld(t)
	m := w.metered()
	if err := w.passes(target("c1", tenant("acme", 0)), reconciler.Question{}); err != nil {
		t.Fatal(err)
	}
	look := func(q reconciler.Question) []string {
		t.Helper()
		m.take()
		if _, err := w.Plan(t.Context(), target("c1", tenant("acme", 0)), q); err != nil {
			t.Fatal(err)
		}
		return m.take()
	}
	all := []string{"list t.bucket", "list t.key", "list t.queue"}
	if read := look(hour); len(read) != 0 {
		t.Errorf("with nothing to do, read %v", read)
	}
	if read := look(reconciler.Question{Within: time.Nanosecond}); !slices.Equal(read, all) {
		t.Errorf("when it is too old, read %v", read)
	}
	part := reconciler.Part{Resources: []resource.Address{acmeKey}, Places: []changeset.Place{{Scope: scope, Kind: "t.queue"}}}
	if read := look(reconciler.Question{Within: time.Hour, Part: part}); !slices.Equal(read, []string{"list t.queue", "read " + acmeKey.String()}) {
		t.Errorf("of a part, read %v", read)
	}
	w.cloud.deny[scope] = true
	look(reconciler.Question{})
	w.cloud.deny[scope] = false
	if read := look(hour); !slices.Equal(read, all) {
		t.Errorf("after nothing could be read, read %v", read)
	}
}

// The daemon reads everything once after its start and then on schedule. A commit, the look for drift after
// it and a decision on drift read what they are about.
func TestTheDaemonReadsEverythingOnScheduleAlone(t *testing.T) {
	inOffice(t, func(o *office) {
		m := &meter{}
		o.stop()
		all, err := o.Daemon.Reconciler.Providers(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		counted := providers.Set{}
		for name, d := range all {
			counted[name] = metered{d.(*memory), m}
		}
		o.Daemon.Reconciler.Providers = func(*schema.Fleet, []string) (providers.Set, error) { return counted, nil }
		o.restart()
		lists := func(what string) bool { return strings.HasPrefix(what, "list ") }
		second := o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.wait(5 * time.Minute)
		o.Notice(t.Context(), reconciler.Hint{Drift: true})
		o.wait(time.Minute)
		read := m.take()
		if c := o.board.check("tenantry/apply", second); c.Conclusion != "success" || o.retention() != "90" {
			t.Fatalf("tenantry/apply is %s: %s; the logs are kept for %s days", c.Conclusion, c.Title, o.retention())
		}
		if slices.ContainsFunc(read, func(what string) bool { return lists(what) || strings.Contains(what, "delta-freight") }) {
			t.Errorf("a commit for one tenant read %v", read)
		}
		o.wait(time.Hour)
		if read := m.take(); !slices.ContainsFunc(read, lists) {
			t.Errorf("in an hour, the daemon read %v", read)
		}
	})
}

// A commit doesn't wait for a scan that is under way, and a scan that listed something before it was made
// hides it from nobody.
func TestAScanHidesNothingThatWasMadeMeanwhile(t *testing.T) {
	w := newWorld(t)
	before, then := target("c1", tenant("zeta", 0)), target("c2", tenant("zeta", 0), tenant("acme", 0))
	if err := w.passes(before, reconciler.Question{}); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	w.Providers = func(*schema.Fleet, []string) (providers.Set, error) {
		set, err := w.cloud.set(kinds)
		keys := set["t.key"].(*memory)
		set["t.key"] = odd{memory: keys, observe: func(ctx context.Context, s resource.Scope) ([]resource.Observed, error) {
			list, err := keys.Observe(ctx, s, "test")
			once.Do(func() {
				if err := w.passes(then, hour); err != nil {
					t.Error(err)
				}
			})
			return list, err
		}}
		return set, err
	}
	w.plan(before, reconciler.Question{})
	if live, err := w.cloud.byAddress(); err != nil || len(live) != 6 {
		t.Fatalf("while the scan was under way, there came to be %v: %v", live, err)
	}
	if plan := w.plan(then, hour); len(plan.Changeset.Changes) > 0 {
		t.Errorf("after it, the plan has %+v", plan.Changeset.Changes)
	}
	w.settled(then, 6)
}
