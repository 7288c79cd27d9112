package reconciler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// Names of the checks, which people require by name.
const (
	checkValidate = "tenantry/validate"
	checkPolicy   = "tenantry/policy"
	checkPlan     = "tenantry/plan"
	checkApply    = CheckApply
)

// CheckApply is the check on commits of the watched branch. Running it again tries the newest one again.
const CheckApply = "tenantry/apply"

const self = "tenantry" // the actor in the log for what no person asked for

// head brings the cloud to the watched branch and says so on its commit.
func (d *Daemon) head(ctx context.Context) error {
	commit, err := d.Source.Head(ctx)
	if err != nil {
		return fmt.Errorf("read the config repository: %w", err)
	}
	if ok, err := d.accept(ctx, commit); err != nil || !ok {
		return err
	}
	d.showings(ctx, overtaken(commit))
	if err := d.held(ctx); err != nil {
		d.Log.Warn("nothing is applied", "commit", commit.Short(), "reason", err)
		return d.onHold(ctx, commit, err)
	}
	target, err := d.targets.open(ctx, d.Loader, d.Source, commit)
	if err != nil {
		return err
	}
	if err := d.claimed(ctx, target); err != nil {
		return err
	}
	d.schedule(target.Fleet)
	state := d.Reconciler.State
	if err := d.relook(ctx); err != nil {
		return err
	}
	converged, err := state.Get(ctx, stateConverged)
	if err != nil {
		return fmt.Errorf("recall the applied commit: %w", err)
	}
	judged, err := d.judgedUntil(ctx)
	if err != nil {
		return err
	}
	if converged == string(commit) && (judged.IsZero() || time.Now().Before(judged)) {
		d.later(keyHead, judged)
		return nil
	}
	if target.Fleet == nil {
		d.Log.Warn("the definitions can't be used; what was applied before stays", "commit", commit.Short(), "findings", len(target.Findings))
		return d.unusable(ctx, target)
	}
	if ok, err := d.sameName(ctx, target); err != nil || !ok {
		return err
	}
	done, again, err := d.converge(ctx, target)
	d.astray = err != nil
	if err != nil {
		return err
	}
	if retry := target.Fleet.Retry; !retry.IsZero() && (again.IsZero() || retry.Before(again)) {
		again = retry // whoever was left out is evaluated once more, and then served
	}
	d.later(keyHead, earlier(again, target.Fleet.Until))
	if !done {
		return nil // what waits for the cloud is looked at again by itself
	}
	if again.IsZero() {
		if err := d.concluded(ctx, target); err != nil {
			return err
		}
	}
	d.trigger(ctx, keyDrift, true)
	return nil
}

// accept tells whether a commit may be applied: it must descend from the last one that was. A
// rewritten history is noted, said on the commit, and left for a person.
func (d *Daemon) accept(ctx context.Context, commit Commit) (bool, error) {
	state := d.Reconciler.State
	text, err := state.Get(ctx, stateAccepted)
	if err != nil {
		return false, fmt.Errorf("recall the accepted commit: %w", err)
	}
	last := Commit(text)
	if last == commit {
		return true, nil
	}
	descends := last == ""
	if !descends {
		if descends, err = d.Source.Ancestor(ctx, last, commit); err != nil {
			return false, fmt.Errorf("whether %s descends from %s: %w", commit.Short(), last.Short(), err)
		}
	}
	if !descends && d.AcceptRewrite != commit {
		why := fmt.Sprintf("%s does not descend from %s, which was applied last: the history of the watched branch was rewritten. "+
			"Nothing is applied. If that was meant, start the daemon with --accept-rewrite %s; if not, push %s again.", commit.Short(), last.Short(), commit, last.Short())
		d.Log.Error("the history was rewritten; nothing is applied", "applied", last, "found", commit)
		if err := d.note(ctx, commit, why, self); err != nil {
			return false, err
		}
		return false, d.check(ctx, Check{Name: checkApply, Commit: commit, Conclusion: "action_required", Title: "The history was rewritten; nothing is applied", Summary: why})
	}
	if !descends {
		if err := d.note(ctx, commit, "a rewritten history was accepted: "+last.Short()+" is no ancestor", self); err != nil {
			return false, err
		}
	}
	if err := state.Put(ctx, stateAccepted, string(commit)); err != nil {
		return false, fmt.Errorf("remember the accepted commit: %w", err)
	}
	return true, nil
}

// converge plans and applies until a plan has nothing left to do, which is the proof that the
// cloud is as the commit wants it. It tells whether it got there, but for what is held, and the time at
// which that, or what waits for the cloud, is worth another look; an error asks for another try.
func (d *Daemon) converge(ctx context.Context, t Target) (done bool, again time.Time, err error) {
	release, err := d.alone(ctx)
	if err != nil {
		return false, again, err
	}
	defer release()
	r := d.going.next(t, d.page(t.Commit))
	d.going = nil
	if len(r.outcomes) == 0 { // otherwise the check says already what is under way
		if err := d.check(ctx, Check{Name: checkApply, Commit: t.Commit, Title: "Applying"}); err != nil {
			return false, again, err
		}
	}
	narrator := d.narrate(ctx)
	ended, err := d.passes(ctx, t, r, narrator)
	narrator.stop() // before anything else is said
	switch {
	case err != nil:
		return false, again, err
	case ended.compare != nil:
		return false, again, errors.Join(ended.compare, d.incomparable(ctx, t.Commit, ended.compare))
	case ended.stopped:
		return false, again, d.stopped(ctx, t.Commit)
	}
	if err := d.announce(ctx, r); err != nil {
		return false, again, err
	}
	if at := soon(r.list(), time.Now()); !r.converged && !at.IsZero() && r.check().Conclusion == "" {
		d.going = r
		return false, at, nil
	}
	if !r.converged {
		return false, again, fmt.Errorf("commit %s: %s", t.Commit.Short(), r.title())
	}
	d.arrive(ctx, t.Commit)
	d.Log.Info("converged", "commit", t.Commit.Short(), "result", r.title())
	return true, earlier(r.again, r.late), nil
}

// An end is how the passes for a commit ended, if not with a result.
type end struct {
	compare error // the cloud couldn't be compared with Git
	stopped bool  // between two changes
}

// passes plans and applies, and gathers what became of that.
func (d *Daemon) passes(ctx context.Context, t Target, r *result, n *narrator) (end, error) {
	order := Order{Run: runName(), Actor: self, Fence: d.fence(ctx, t.Commit), Progress: n.hear}
	most := cmp.Or(d.Passes, 5)
	for i := range most {
		plan, err := d.Reconciler.Plan(ctx, t, d.pass(t.Fleet, i > 0 && i == most-1))
		if err != nil {
			return end{compare: err}, nil //nolint:nilerr // that is how it ended, and it has words of its own
		}
		if len(plan.Changeset.Ready())+plan.Changeset.Unchanged > 0 { // something has the fleet's mark, or will
			if err := d.Reconciler.State.Put(ctx, stateFleet, t.Fleet.Name); err != nil {
				return end{}, fmt.Errorf("remember the fleet's name: %w", err)
			}
		}
		d.underWay(ctx, r, plan)
		n.begin(r, plan.Changeset)
		outcomes, err := d.Reconciler.Apply(ctx, plan, order)
		r.add(plan.Changeset, outcomes)
		if err != nil {
			return end{}, err
		}
		d.logOutcomes(t.Commit, outcomes)
		if len(plan.Changeset.Ready()) == 0 || r.idle(outcomes) {
			r.waiting, r.again, r.late = plan.passing() || r.idle(outcomes), plan.Changeset.Again, d.Reconciler.late(plan, time.Now())
			r.converged = len(plan.Changeset.Unseen) == 0 && !r.waiting
			if err := d.Reconciler.State.Put(ctx, stateReconciled, string(t.Commit)); err != nil {
				return end{}, fmt.Errorf("remember the reconciled commit: %w", err)
			}
			break
		}
		if r.stopped() {
			return end{stopped: true}, nil
		}
	}
	return end{}, nil
}

// earlier is the first of two times, of which either may be none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// passing tells whether a plan has a hold that ends by itself, so that it is worth another try without
// anybody's decision: a create that may still arrive or show, or a cloud that is still busy. What
// drifted waits for a person in any case.
func (p Plan) passing() bool {
	return slices.ContainsFunc(p.Changeset.Changes, p.passes)
}

// passes tells whether a change is held by what ends by itself.
func (p Plan) passes(c changeset.Change) bool {
	ends := c.HoldKind == changeset.HoldUnsure || c.HoldKind == changeset.HoldPending
	return ends && (c.Cause == changeset.Config || p.Target.Fleet.CorrectDrift)
}

// A result gathers what the passes for one commit did.
type result struct {
	commit    Commit
	findings  []schema.Finding
	first     changeset.Changeset // what the first pass set out to do
	outcomes  map[resource.Address]changeset.Outcome
	unseen    []changeset.Unseen
	broken    []changeset.Broken
	digest    string
	converged bool
	waiting   bool                        // the cloud isn't ready for all of it yet
	page      string                      // where people see the commit
	terrain   terrain                     // the environments of its fleet
	where     map[resource.Address]string // in which environment a change is
	last      changeset.Changeset         // what the newest pass found left to do
	spoken    spoken                      // what was said of it while it waits
	// again is when time alone may let through what is held; zero if it won't.
	again time.Time
	// late is when the last write that never had an answer can't have its effect any more; zero if there
	// is none. What it does until then is put back.
	late time.Time
}

// next is the result of a further look at a target: of one that waited for the cloud it goes on, without
// what was held, which is judged anew.
func (r *result) next(t Target, page string) *result {
	if r == nil || r.commit != t.Commit {
		return &result{commit: t.Commit, findings: t.Findings, page: page, terrain: newTerrain(t.Fleet), where: map[resource.Address]string{}}
	}
	maps.DeleteFunc(r.outcomes, func(_ resource.Address, o changeset.Outcome) bool { return o.Result == changeset.Held })
	return r
}

// add takes up a pass. What failed in an earlier one and isn't to be done any more had its effect
// although its answer was an error, or was done by what came after.
func (r *result) add(cs changeset.Changeset, outcomes []changeset.Outcome) {
	if r.outcomes == nil {
		r.first, r.outcomes, r.digest = cs, map[resource.Address]changeset.Outcome{}, cs.Digest
	}
	drifted := map[resource.Address]bool{}
	for _, c := range cs.Changes {
		drifted[c.Address] = c.HoldKind == changeset.HoldDrift
		if r.where != nil {
			r.where[c.Address] = r.terrain.of(c)
		}
	}
	r.last = cs
	for _, o := range outcomes {
		if drifted[o.Address] {
			continue // it is no business of the commit's, and has a proposal of its own
		}
		before, again := r.outcomes[o.Address]
		if again && before.Result == changeset.Applied && o.Result == changeset.Unchanged {
			continue
		}
		r.outcomes[o.Address] = o
	}
	for address, o := range r.outcomes {
		undone := o.Result == changeset.Failed || o.Result == changeset.Blocked || o.Result == changeset.Waiting
		if !undone || len(cs.Unseen) > 0 {
			continue
		}
		if !slices.ContainsFunc(outcomes, func(now changeset.Outcome) bool { return now.Address == address }) {
			o.Result = changeset.Applied
			r.outcomes[address] = o
		}
	}
	r.unseen, r.broken = cs.Unseen, cs.Broken
}

// idle tells whether a pass came to its end with nothing done and something that waits for the cloud.
func (r *result) idle(outcomes []changeset.Outcome) bool {
	waits := false
	for _, o := range outcomes {
		waits = waits || o.Result == changeset.Waiting
		if o.Result == changeset.Applied || o.Result == changeset.Failed || o.Result == changeset.Skipped {
			return false
		}
	}
	return waits
}

func (r *result) stopped() bool {
	for _, o := range r.outcomes {
		if o.Result == changeset.Skipped {
			return true
		}
	}
	return false
}

func (r *result) list() []changeset.Outcome {
	return sortedOutcomes(r.outcomes)
}

func (r *result) title() string {
	title, _ := report.Applied(r.report())
	return title
}

func (r *result) report() report.Result {
	return report.Result{
		Commit: string(r.commit), Digest: r.digest, Planned: r.first, Outcomes: r.list(),
		Unseen: r.unseen, Broken: r.broken, Converged: r.converged, Now: time.Now().UTC(),
		Page: r.page, Last: r.last, Again: r.again, Underway: r.waiting,
	}
}

func (r *result) check() Check {
	c := Check{Name: checkApply, Commit: r.commit, Conclusion: "success", ExternalID: r.digest, Annotations: annotations(r.findings)}
	for _, o := range r.outcomes {
		switch {
		case o.Result == changeset.Failed || o.Result == changeset.Blocked:
			c.Conclusion = "failure"
		case o.Result == changeset.Held && c.Conclusion != "failure":
			c.Conclusion = "action_required"
		}
	}
	switch {
	case !r.converged && !r.waiting, len(r.broken) > 0, len(r.unseen) > 0:
		c.Conclusion = "failure"
	case r.waiting && c.Conclusion != "failure":
		c.Conclusion = "" // it goes on by itself
	}
	words := report.Applied
	if c.Conclusion == "" {
		words = report.Applying
	}
	c.Title, c.Summary = words(r.report())
	if !r.again.IsZero() {
		c.Summary += "\nWhat has to wait is looked at again at " + r.again.UTC().Format("2006-01-02 15:04:05 UTC") + ", with nobody asking.\n"
	}
	return c
}

// check sets a check on the forge.
func (d *Daemon) check(ctx context.Context, c Check) error {
	if err := d.Reviews.Check(ctx, c); err != nil {
		return fmt.Errorf("check %s on %s: %w", c.Name, c.Commit.Short(), err)
	}
	return nil
}

// note writes a line of the log that is about no write.
func (d *Daemon) note(ctx context.Context, commit Commit, detail, actor string) error {
	entry := changeset.Entry{Run: runName(), Phase: changeset.Note, Commit: string(commit), Detail: detail, Actor: actor}
	if _, err := d.Reconciler.Recorder.Record(ctx, entry); err != nil {
		return fmt.Errorf("write the log: %w", err)
	}
	return nil
}

func (d *Daemon) logOutcomes(commit Commit, outcomes []changeset.Outcome) {
	for _, o := range outcomes {
		log := d.Log.Info
		switch o.Result {
		case changeset.Failed, changeset.Blocked:
			log = d.Log.Warn
		case changeset.Held, changeset.Unchanged:
			log = d.Log.Debug
		}
		log("change", "commit", commit.Short(), "address", o.Address.String(), "action", string(o.Action), "result", string(o.Result), "detail", o.Detail)
	}
}

// runName names a pass in the log: the time of its start, in UTC to the millisecond.
func runName() string { return time.Now().UTC().Format("20060102T150405.000Z") }
