package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

const (
	driftBranches = "tenantry/drift/"
	driftFolder   = "reports/drift/"
	// remembered is how far back a closed proposal still counts as the answer to the same drift.
	remembered = 90 * 24 * time.Hour
)

// drift looks for what was changed in the cloud and keeps one open proposal per cause. A proposal
// that a person closed asks for Git's values to be restored; one that was merged without a change
// that keeps the cloud's values is an acknowledgement. Both hold until the drift itself changes.
func (d *Daemon) drift(ctx context.Context) error {
	target, err := d.reconciled(ctx)
	if err != nil || target.Fleet == nil {
		return err
	}
	d.Reconciler.Observer.Forget()
	plan, err := d.Reconciler.Plan(ctx, target, Question{})
	if err != nil {
		return err
	}
	if err := d.finish(ctx, plan); err != nil {
		return err
	}
	causes := report.Group(plan.Changeset)
	since, err := d.since(ctx, causes)
	if err != nil {
		return err
	}
	proposals, err := d.Forge.Proposals(ctx, driftBranches, time.Now().Add(-remembered))
	if err != nil {
		return fmt.Errorf("list drift proposals: %w", err)
	}
	var failures []error
	for _, cause := range causes {
		if err := d.answerDrift(ctx, target, cause, since, latest(proposals, driftBranches+cause.Slug)); err != nil {
			failures = append(failures, fmt.Errorf("drift %s: %w", cause.Slug, err))
		}
	}
	failures = append(failures, d.withdrawMoot(ctx, plan, causes, proposals))
	return errors.Join(failures...)
}

// reconciled is the target that the cloud was last brought to, as far as it could be seen; an empty
// one if there is none yet. What a newer commit has changed meanwhile is no drift of it: owners are
// compared with what was applied to each.
func (d *Daemon) reconciled(ctx context.Context) (Target, error) {
	text, err := d.Reconciler.State.Get(ctx, stateReconciled)
	if err != nil {
		return Target{}, fmt.Errorf("recall the applied commit: %w", err)
	}
	if text == "" {
		return Target{}, nil
	}
	return d.targets.open(ctx, d.Loader, d.Source, Commit(text))
}

func (d *Daemon) since(ctx context.Context, causes []report.Cause) (map[string]time.Time, error) {
	var keys []string
	for _, cause := range causes {
		for _, change := range cause.Changes {
			keys = append(keys, report.Keys(change)...)
		}
	}
	since, err := d.Reconciler.State.FirstSeen(ctx, keys, time.Now().UTC())
	if err != nil {
		return nil, fmt.Errorf("since when the drift is known: %w", err)
	}
	return since, nil
}

// latest is the newest proposal of a branch; the zero value if there was none.
func latest(proposals []ProposalState, branch string) ProposalState {
	var newest ProposalState
	for _, p := range proposals {
		if p.Branch == branch && p.Number > newest.Number {
			newest = p
		}
	}
	return newest
}

// answerDrift does what people decided on a cause, and asks them if they didn't.
func (d *Daemon) answerDrift(ctx context.Context, t Target, cause report.Cause, since map[string]time.Time, last ProposalState) error {
	over, err := d.over(ctx, last)
	if err != nil {
		return err
	}
	decided := last.Digest == cause.Digest && !over
	switch {
	case decided && last.State == "closed" && !last.ByUs:
		may, err := d.mayDecide(ctx, last.ClosedBy)
		if err != nil {
			return err
		}
		if may {
			return d.restore(ctx, t, cause, last)
		}
		d.Log.Warn("a drift proposal was closed by somebody who can't decide on it; it is made again", "pull_request", last.Number, "closed_by", last.ClosedBy)
	case decided && last.State == "merged":
		d.Log.Debug("drift was acknowledged", "cause", cause.Slug, "pull_request", last.Number)
		return nil
	}
	proposal, err := d.driftProposal(ctx, t, cause, since)
	if err != nil {
		return err
	}
	url, err := d.Forge.Propose(ctx, proposal)
	if errors.Is(err, ErrTouched) {
		d.Log.Info("a person works on the drift proposal; it is left as it is", "cause", cause.Slug)
		return nil
	}
	if err != nil {
		return err
	}
	d.Log.Info("drift", "cause", cause.Slug, "resources", len(cause.Changes), "proposal", url)
	return nil
}

// mayDecide tells whether a login may have drift put back, which writes to the cloud: who may write
// to the repository, and no robot. Whoever may triage can close a pull request as well, and so can
// robots that tidy up.
func (d *Daemon) mayDecide(ctx context.Context, login string) (bool, error) {
	if login == "" || strings.HasSuffix(login, "[bot]") {
		return false, nil
	}
	may, err := d.Reviews.MayWrite(ctx, login)
	if err != nil {
		return false, fmt.Errorf("whether %s may decide on drift: %w", login, err)
	}
	return may, nil
}

// restore puts Git's values back for one cause, because a person closed its proposal. Only what
// that proposal showed is written: its digest covers the values in the cloud.
func (d *Daemon) restore(ctx context.Context, t Target, cause report.Cause, decision ProposalState) error {
	if err := d.held(ctx); err != nil {
		d.Log.Warn("drift is not corrected", "cause", cause.Slug, "reason", err)
		return nil
	}
	release, err := d.alone(ctx)
	if err != nil {
		return err
	}
	defer release()
	plan, err := d.Reconciler.Plan(ctx, t, Question{Correct: true})
	if err != nil {
		return err
	}
	if !plan.shows(cause) {
		d.Log.Info("the cloud changed since the drift was looked at; the next look says what is to be decided", "cause", cause.Slug)
		return nil
	}
	plan = plan.onlyCause(cause)
	if len(plan.Changeset.Ready()) == 0 {
		d.Log.Warn("the drift that was decided on can't be corrected now", "cause", cause.Slug)
		return nil
	}
	if err := d.note(ctx, t.Commit, fmt.Sprintf("restore Git's values: pull request %d (%s) was closed", decision.Number, cause.Slug), decision.ClosedBy); err != nil {
		return err
	}
	applied, err := d.reopen(ctx, plan)
	if err != nil {
		return err
	}
	outcomes, err := d.Reconciler.Apply(ctx, plan, Order{Run: runName(), Actor: decision.ClosedBy, Fence: d.fence(ctx, t.Commit)})
	d.logOutcomes(t.Commit, outcomes)
	if err != nil {
		return err
	}
	if done, err := restored(cause, outcomes); err != nil || !done {
		return err
	}
	if err := applied(ctx); err != nil {
		return err
	}
	return d.conclude(ctx, decision)
}

// restored tells whether all of a cause was put back. What failed is an error, so that it is tried
// again; what was stopped or held is looked at again in its time.
func restored(cause report.Cause, outcomes []changeset.Outcome) (bool, error) {
	done := true
	for _, o := range outcomes {
		switch {
		case !about(cause, o.Address):
		case o.Result == changeset.Failed || o.Result == changeset.Blocked:
			return false, fmt.Errorf("restore %s: %s", o.Address, o.Detail)
		case o.Result != changeset.Applied && o.Result != changeset.Unchanged:
			done = false
		}
	}
	return done, nil
}

// A decision is over once its drift is gone: the same drift again is news. Which decisions are over
// is kept by branch, as the number of the newest pull request whose drift went away.
func (d *Daemon) over(ctx context.Context, p ProposalState) (bool, error) {
	text, err := d.Reconciler.State.Get(ctx, stateOver+p.Branch)
	if err != nil {
		return false, fmt.Errorf("recall decisions on %s: %w", p.Branch, err)
	}
	number, err := strconv.Atoi(text)
	return err == nil && p.Number <= number, nil
}

func (d *Daemon) concludeOnce(ctx context.Context, p ProposalState) error {
	if over, err := d.over(ctx, p); err != nil || over {
		return err
	}
	return d.conclude(ctx, p)
}

func (d *Daemon) conclude(ctx context.Context, p ProposalState) error {
	if err := d.Reconciler.State.Put(ctx, stateOver+p.Branch, strconv.Itoa(p.Number)); err != nil {
		return fmt.Errorf("remember that %s is over: %w", p.Branch, err)
	}
	return nil
}

// shows tells whether the plan would do to what a cause is about exactly what the cause showed.
func (p Plan) shows(cause report.Cause) bool {
	part := changeset.Changeset{Changes: slices.DeleteFunc(slices.Clone(p.Changeset.Changes), func(change changeset.Change) bool {
		return !about(cause, change.Address)
	})}
	now := report.Group(part)
	return len(now) == 1 && now[0].Slug == cause.Slug && now[0].Digest == cause.Digest
}

func about(cause report.Cause, address resource.Address) bool {
	return slices.ContainsFunc(cause.Changes, func(change changeset.Change) bool { return change.Address == address })
}

// onlyCause holds every change of the plan that is not about the cause.
func (p Plan) onlyCause(cause report.Cause) Plan {
	decided := map[resource.Address]bool{}
	for _, change := range cause.Changes {
		decided[change.Address] = change.HoldKind == changeset.HoldDrift
	}
	changes := slices.Clone(p.Changeset.Changes)
	for i, change := range changes {
		if !decided[change.Address] && change.Hold == "" {
			changes[i].Hold, changes[i].HoldKind = "it is not what was decided on", changeset.HoldDrift
		}
	}
	p.Changeset.Changes = changes
	return p
}

// driftProposal is the pull request for a cause: the report, and the edits that make Git want what
// the cloud has, where the definitions allow that.
func (d *Daemon) driftProposal(ctx context.Context, t Target, cause report.Cause, since map[string]time.Time) (Proposal, error) {
	files, kept, refused := keep(ctx, t, cause)
	title, markdown, data := report.Drift(cause, report.DriftOptions{
		Fleet: t.Fleet.Name, Commit: string(t.Commit), Since: since, Kept: kept, Refused: refused,
	})
	files[driftFolder+cause.Slug+".md"] = []byte(markdown)
	files[driftFolder+cause.Slug+".json"] = data
	labels := []string{"tenantry/drift"}
	for _, change := range cause.Changes {
		if owner := change.Address.Owner; owner.Class() == "tenant" && !slices.Contains(labels, "tenant:"+owner.Name()) && len(labels) < 10 {
			labels = append(labels, "tenant:"+owner.Name())
		}
	}
	return Proposal{
		Branch: driftBranches + cause.Slug, Title: title, Body: markdown, Labels: labels, Files: files, Digest: cause.Digest,
	}, nil
}

// withdrawMoot closes the open proposals whose drift is gone, and notes of the decided ones that
// they are over. While some of the cloud can't be seen, nothing is known to be gone.
func (d *Daemon) withdrawMoot(ctx context.Context, plan Plan, causes []report.Cause, proposals []ProposalState) error {
	if len(plan.Changeset.Unseen) > 0 {
		return nil
	}
	var failures []error
	for _, p := range proposals {
		stays := slices.ContainsFunc(causes, func(c report.Cause) bool { return driftBranches+c.Slug == p.Branch })
		if stays {
			continue
		}
		if p.State != "open" {
			failures = append(failures, d.concludeOnce(ctx, p))
			continue
		}
		if err := d.Forge.Withdraw(ctx, p.Branch, "The cloud is as Git wants it again, so there is nothing left to decide here."); err != nil {
			failures = append(failures, fmt.Errorf("withdraw %s: %w", p.Branch, err))
			continue
		}
		d.Log.Info("drift is gone", "proposal", p.URL)
	}
	return errors.Join(failures...)
}
