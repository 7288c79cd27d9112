package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tenantry.dev/providers"
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

// A scan is what one look at the cloud found of drift, and what people said to it so far.
type scan struct {
	target    Target
	question  Question // what was looked at
	plan      Plan
	changes   []changeset.Change // all that drifted
	since     map[string]time.Time
	proposals []ProposalState
	deeds     map[resource.Address][]report.Deed
	known     []report.Known // the causes that people were asked about
	causes    []report.Cause // of all that drifted
	seats     *seats
}

// drift looks for what was changed in the cloud. In a fleet that says so it puts that back; of the
// rest it keeps one open proposal per cause. A proposal that a person closed asks for Git's values to
// be restored; one that was merged without a change that keeps the cloud's values is an
// acknowledgement. Both hold until the drift itself changes.
func (d *Daemon) drift(ctx context.Context) error {
	release, err := d.scanAlone(ctx)
	if err != nil {
		return err
	}
	defer release()
	began := time.Now()
	h := d.ears.hear()
	d.attribute(h.events) // some of what they are about may be gone after the scan
	s, err := d.scan(ctx)
	if err != nil || s.target.Fleet == nil || s.question.Within > 0 {
		d.unheard(h) // not everything was read
		if err != nil || s.target.Fleet == nil {
			return err
		}
		return d.decide(ctx, s)
	}
	d.ration.looked(began)
	d.attribute(h.events)
	d.settled(ctx, h)
	return d.decide(ctx, s)
}

// decide has people decide on what a look at the cloud found, and does what they decided.
func (d *Daemon) decide(ctx context.Context, s scan) (err error) {
	if s.deeds, err = d.deeds(ctx, s); err != nil {
		return err
	}
	if s.known, err = d.known(ctx, s); err != nil {
		return err
	}
	s.causes = report.Causes(s.changes, s.deeds, s.known)
	var h healing
	var failures []error
	if s.target.Fleet.Heals() {
		if h, err = d.heal(ctx, s); err != nil {
			failures = append(failures, err)
		}
		if h.wrote {
			if s.plan, err = d.Reconciler.Plan(ctx, s.target, Question{Within: d.lately()}); err != nil {
				return errors.Join(append(failures, err)...)
			}
			if s.changes, err = d.drifting(ctx, s.target, s.plan); err != nil {
				return errors.Join(append(failures, err)...)
			}
			s.causes = report.Causes(s.changes, s.deeds, s.known)
		}
	}
	d.stand(ctx, s)
	return errors.Join(append(failures, d.speak(ctx, s, h), d.finish(ctx, s.plan))...)
}

// speak has the proposals say what a look found and what became of it: what is gone is closed, what was put back
// is reported, and people are asked about the rest, as many questions at a time as the fleet says.
func (d *Daemon) speak(ctx context.Context, s scan, h healing) error {
	kept, err := d.recallCorrected(ctx)
	if err != nil {
		return err
	}
	failures := []error{d.chronicle(ctx, s), d.withdrawMoot(ctx, s, kept)}
	s.seats = s.take()
	failures = append(failures, d.reportCorrected(ctx, s, kept))
	slices.SortFunc(s.causes, func(a, b report.Cause) int { return report.Graver(a, b, s.since) })
	for _, cause := range s.causes {
		if s.patient(cause, h) {
			continue
		}
		if err := d.answerDrift(ctx, s, cause, h.left); err != nil {
			failures = append(failures, fmt.Errorf("drift %s: %w", cause.Slug, err))
		}
	}
	return errors.Join(append(failures, d.overview(ctx, s))...)
}

func (d *Daemon) scan(ctx context.Context) (scan, error) {
	target, err := d.reconciled(ctx)
	if err != nil || target.Fleet == nil {
		return scan{}, err
	}
	q, done := d.nextLook()
	s, err := d.lookAt(ctx, target, q)
	if err == nil {
		done()
	}
	return s, err
}

// lookAt is one look at the cloud, for what drifted there.
func (d *Daemon) lookAt(ctx context.Context, t Target, q Question) (s scan, err error) {
	s.target, s.question = t, q
	if s.plan, err = d.Reconciler.Plan(providers.InBackground(ctx), t, q); err != nil {
		return s, err
	}
	if s.changes, err = d.drifting(ctx, t, s.plan); err != nil {
		return s, err
	}
	if s.since, err = d.since(ctx, s.changes); err != nil {
		return s, err
	}
	if s.proposals, err = d.Forge.Proposals(ctx, driftBranches, time.Now().Add(-remembered)); err != nil {
		return s, fmt.Errorf("list drift proposals: %w", err)
	}
	return s, nil
}

// patient tells whether a cause is still being put back, so that nobody need be asked yet.
func (s scan) patient(cause report.Cause, h healing) bool {
	return slices.ContainsFunc(cause.Changes, func(change changeset.Change) bool {
		since, known := s.since[report.Keys(change)[0]]
		return h.trying[change.Address] && (!known || time.Since(since) < healPatience)
	})
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

func (d *Daemon) since(ctx context.Context, changes []changeset.Change) (map[string]time.Time, error) {
	var keys []string
	for _, change := range changes {
		keys = append(keys, report.Keys(change)...)
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
func (d *Daemon) answerDrift(ctx context.Context, s scan, cause report.Cause, left map[resource.Address]string) error {
	last := latest(s.proposals, driftBranches+cause.Slug)
	w, err := d.wished(ctx, last)
	if err != nil {
		return err
	}
	rest, err := d.obeyDecision(ctx, s, cause, last, w)
	if err != nil || rest == nil {
		return err
	}
	return d.ask(ctx, s, *rest, last, w, left)
}

// obeyDecision does what people decided on a cause, and returns what of it nobody decided on; nil if that is nothing.
func (d *Daemon) obeyDecision(ctx context.Context, s scan, cause report.Cause, last ProposalState, w wish) (*report.Cause, error) {
	over, err := d.over(ctx, last)
	if err != nil || over {
		return &cause, err
	}
	if w.reverts() {
		last.ClosedBy, last.Digest = w.By, w.Digest
	}
	decided := driftDigest(last) == cause.Digest
	if decided && last.State == "merged" {
		d.Log.Debug("drift was acknowledged", "cause", cause.Slug, "pull_request", last.Number)
		return nil, nil
	}
	if !w.reverts() && (last.State != "closed" || last.ByUs) {
		return &cause, nil
	}
	rest, begun, err := d.goOn(ctx, s, cause, last)
	switch {
	case err != nil || begun:
		return rest, err
	case !decided:
		return &cause, nil
	}
	refused, err := d.mayDecide(ctx, s.target, cause, last.ClosedBy)
	if err != nil {
		return nil, err
	}
	if refused == "" {
		return nil, d.restore(ctx, s.target, cause, last)
	}
	return &cause, d.refuse(ctx, last, refused)
}

// ask has people decide on a cause, or lets it wait until there is room for another question.
func (d *Daemon) ask(ctx context.Context, s scan, cause report.Cause, last ProposalState, w wish, left map[resource.Address]string) error {
	if last.State != "open" && !s.seats.question() {
		s.seats.waiting = append(s.seats.waiting, cause)
		return nil
	}
	if err := d.rememberFiles(ctx, s.target, cause); err != nil {
		return err
	}
	if err := d.rememberAbout(ctx, s, cause); err != nil {
		return err
	}
	proposal := driftProposal(ctx, s, cause, left)
	if w.waives(cause) {
		waived, why := w.waive(s, cause, proposal)
		if why == nil {
			proposal = waived
		} else if err := d.cantWaive(ctx, last, why); err != nil {
			return err
		}
	}
	err := d.markDrift(ctx, cause.Slug, func(c *chapter) { c.Keeps, c.How, c.By = edits(proposal), "", "" })
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

// restore puts Git's values back for one cause, because a person closed its proposal or asked for that in a
// comment. Only what that proposal showed is written: its digest covers the values in the cloud.
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
	plan, err := d.Reconciler.Plan(ctx, t, Question{Correct: true, Within: d.lately()})
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
	if err := d.note(ctx, t.Commit, fmt.Sprintf("restore Git's values: %s", decidedBy(decision, cause)), decision.ClosedBy); err != nil {
		return err
	}
	if err := d.keepDecision(ctx, cause, decision); err != nil {
		return err
	}
	if err := d.markDrift(ctx, cause.Slug, func(c *chapter) { c.How, c.By = report.Restored, decision.ClosedBy }); err != nil {
		return err
	}
	outcomes, err := d.putBack(ctx, plan, Order{Run: runName(), Actor: decision.ClosedBy, Fence: d.fence(ctx, t.Commit)})
	d.logOutcomes(t.Commit, outcomes)
	d.lookSoon(outcomes)
	err = errors.Join(err, d.done(context.WithoutCancel(ctx), decision, outcomes))
	if err != nil {
		return err
	}
	if done, err := restored(cause, outcomes); err != nil || !done {
		return err
	}
	return d.fulfilled(ctx, decision)
}

// decidedBy says in the log how a cause was decided on.
func decidedBy(p ProposalState, cause report.Cause) string {
	if p.State == "open" {
		return fmt.Sprintf("pull request %d (%s) was answered with revert", p.Number, cause.Slug)
	}
	return fmt.Sprintf("pull request %d (%s) was closed", p.Number, cause.Slug)
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

// fulfilled notes that all of what was decided on was put back. What was decided on with the proposal left
// open is only forgotten: the next look closes that, or has people decide on what is there then.
func (d *Daemon) fulfilled(ctx context.Context, p ProposalState) error {
	if p.State != "open" {
		return d.conclude(ctx, p)
	}
	d.trigger(ctx, keyDrift, false)
	return errors.Join(d.forgetWish(ctx, p.Branch), d.forgetDecision(ctx, p))
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
	return cause.Shown(slices.DeleteFunc(slices.Clone(p.Changeset.Changes), func(change changeset.Change) bool {
		return !about(cause, change.Address)
	}))
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
func driftProposal(ctx context.Context, s scan, cause report.Cause, left map[resource.Address]string) Proposal {
	files, kept, refused := keep(ctx, s.target, cause)
	title, markdown, data := report.Drift(cause, report.DriftOptions{
		Fleet: s.target.Fleet.Name, Commit: string(s.target.Commit), Since: s.since, Kept: kept, Refused: refused, Left: left,
		Deeds: s.deeds,
	})
	files[driftFolder+cause.Slug+".md"] = []byte(markdown)
	files[driftFolder+cause.Slug+".json"] = data
	return Proposal{
		Branch: driftBranches + cause.Slug, Title: title, Body: markdown, Labels: driftLabels(cause), Files: files, Digest: cause.Digest, Returns: true,
	}
}

// edits tells whether a proposal changes definitions, rather than only to report.
func edits(p Proposal) bool {
	for name := range p.Files {
		if !strings.HasPrefix(name, driftFolder) {
			return true
		}
	}
	return false
}

func driftLabels(cause report.Cause) []string {
	const most = 10
	labels := []string{"tenantry/drift"}
	for _, change := range cause.Changes {
		if owner := change.Address.Owner; owner.Class() == "tenant" && !slices.Contains(labels, "tenant:"+owner.Name()) && len(labels) < most {
			labels = append(labels, "tenant:"+owner.Name())
		}
	}
	return labels
}
