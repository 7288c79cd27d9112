package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

const (
	// correctedDigest begins the digest of a report on drift that was put back. Nothing is left to
	// decide on it, so that what people do to it has no effect.
	correctedDigest = "corrected:"
	// healPatience is how long putting drift back may fail before people are asked about it: most
	// failures pass, and a question that is withdrawn a minute later is noise.
	healPatience = time.Hour
	// mostKept bounds how many reports on what was put back wait for a pull request.
	mostKept = 100
)

// A healing is what became of the drift that a scan wanted to put back.
type healing struct {
	// left has what wasn't put back, with the reason.
	left map[resource.Address]string
	// trying has those of left that nothing forbids: the next try may do it.
	trying map[resource.Address]bool
	wrote  bool
}

// heal puts back what was changed in the cloud, in a fleet that says drift: "correct", or as far as its
// corrections say so. The limits, holds and the fence apply as to any write, and only drift is written: what is configuration waits
// for its commit, and drift that a person acknowledged stays until it changes. What was put back is
// reported afterwards; what wasn't is for people to decide on, as in any other fleet.
func (d *Daemon) heal(ctx context.Context, s scan) (healing, error) {
	h := healing{left: map[resource.Address]string{}, trying: map[resource.Address]bool{}}
	if err := d.held(ctx); err != nil {
		for _, cause := range s.causes {
			for _, change := range cause.Changes {
				if s.target.Fleet.Corrects(change) {
					h.left[change.Address] = err.Error()
				}
			}
		}
		return h, nil
	}
	accepted, err := d.acknowledged(ctx, s)
	if err != nil {
		return h, err
	}
	release, err := d.alone(ctx)
	if err != nil {
		return h, err
	}
	defer release()
	plan, err := d.Reconciler.Plan(ctx, s.target, Question{Correct: true, Within: d.lately()})
	if err != nil {
		return h, err
	}
	for _, change := range plan.Changeset.Changes {
		if change.Cause == changeset.Drift && change.Hold != "" && s.target.Fleet.Corrects(change) {
			h.left[change.Address] = change.Hold
		}
	}
	d.later(keyDrift, plan.Changeset.Again)
	plan = plan.onlyDrift(func(c changeset.Change) bool { return !accepted[c.Address] && s.target.Fleet.Corrects(c) })
	if len(plan.Changeset.Ready()) == 0 {
		return h, nil
	}
	return h, d.correct(ctx, s, plan, &h)
}

// acknowledged are the addresses whose drift a person took note of by merging its report, which
// promises that nothing is done to the cloud until what is there changes again.
func (d *Daemon) acknowledged(ctx context.Context, s scan) (map[resource.Address]bool, error) {
	accepted := map[resource.Address]bool{}
	for _, cause := range s.causes {
		last := latest(s.proposals, driftBranches+cause.Slug)
		if last.State != "merged" || last.Digest != cause.Digest {
			continue
		}
		over, err := d.over(ctx, last)
		if err != nil {
			return nil, err
		}
		for _, change := range cause.Changes {
			accepted[change.Address] = !over
		}
	}
	return accepted, nil
}

// onlyDrift holds every change of the plan that isn't drift, or isn't to be put back without asking.
func (p Plan) onlyDrift(corrects func(changeset.Change) bool) Plan {
	changes := slices.Clone(p.Changeset.Changes)
	for i, change := range changes {
		if change.Hold == "" && (change.Cause != changeset.Drift || !corrects(change)) {
			changes[i].Hold, changes[i].HoldKind = "it is not what a scan for drift puts back", changeset.HoldDrift
		}
	}
	p.Changeset.Changes = changes
	return p
}

// correct applies a plan that has nothing but drift in it, and keeps a report on what it put back.
func (d *Daemon) correct(ctx context.Context, s scan, plan Plan, h *healing) error {
	causes := report.Causes(plan.Changeset.Ready(), s.deeds, s.known)
	if err := d.note(ctx, s.target.Commit, "correct drift: "+slugs(causes), self); err != nil {
		return err
	}
	run := runName()
	h.wrote = true
	outcomes, failure := d.putBack(ctx, plan, Order{Run: run, Actor: self, Fence: d.fence(ctx, s.target.Commit)})
	d.logOutcomes(s.target.Commit, outcomes)
	d.lookSoon(outcomes)
	done := map[resource.Address]bool{}
	for _, o := range outcomes {
		switch o.Result {
		case changeset.Applied:
			done[o.Address] = true
		case changeset.Failed, changeset.Blocked:
			failure = errors.Join(failure, fmt.Errorf("put back %s: %s", o.Address, o.Detail))
			h.left[o.Address], h.trying[o.Address] = o.Detail, true
		case changeset.Skipped, changeset.Waiting:
			h.left[o.Address], h.trying[o.Address] = o.Detail, true
		}
	}
	return errors.Join(failure, d.keepCorrected(context.WithoutCancel(ctx), s, causes, done, run))
}

func slugs(causes []report.Cause) string {
	const most = 10
	var names []string
	for _, cause := range causes {
		names = append(names, cause.Slug)
	}
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// keepCorrected keeps the reports on what was put back until they are proposed. A process that dies
// before this leaves the drift's correction to the log and the audit report.
func (d *Daemon) keepCorrected(ctx context.Context, s scan, causes []report.Cause, done map[resource.Address]bool, run string) error {
	kept, err := d.recallCorrected(ctx)
	if err != nil {
		return err
	}
	for _, cause := range causes {
		cause.Changes = slices.DeleteFunc(slices.Clone(cause.Changes), func(c changeset.Change) bool { return !done[c.Address] })
		if len(cause.Changes) == 0 {
			continue
		}
		title, markdown, data := report.Corrected(cause, report.DriftOptions{
			Fleet: s.target.Fleet.Name, Commit: string(s.target.Commit), Since: s.since, Deeds: s.deeds,
		}, time.Now(), run)
		if err := d.healed(ctx, s, cause, time.Now()); err != nil {
			return err
		}
		branch := driftBranches + cause.Slug
		if _, waits := kept[branch]; !waits && len(kept) >= mostKept {
			continue // the log and the history have it
		}
		kept[branch] = Proposal{
			Branch: branch, Title: title, Body: markdown, Labels: driftLabels(cause), Digest: correctedDigest + cause.Digest,
			Files: map[string][]byte{driftFolder + cause.Slug + ".md": []byte(markdown), driftFolder + cause.Slug + ".json": data},
		}
	}
	return d.rememberCorrected(ctx, kept)
}

func (d *Daemon) recallCorrected(ctx context.Context) (map[string]Proposal, error) {
	kept := map[string]Proposal{}
	err := d.recall(ctx, stateCorrected, &kept, "reports on what was put back")
	return kept, err
}

func (d *Daemon) rememberCorrected(ctx context.Context, kept map[string]Proposal) error {
	return d.remember(ctx, stateCorrected, kept, "reports on what was put back")
}

// reportCorrected proposes the reports that are kept, each on the branch of its cause, as far as there is room. A
// question that was open there is answered by it.
func (d *Daemon) reportCorrected(ctx context.Context, s scan, kept map[string]Proposal) error {
	if len(kept) == 0 {
		return nil
	}
	var failures []error
	for _, branch := range slices.Sorted(maps.Keys(kept)) {
		if latest(s.proposals, branch).State != "open" && !s.seats.report() {
			continue
		}
		url, err := d.Forge.Propose(ctx, kept[branch])
		if err != nil && !errors.Is(err, ErrTouched) {
			failures = append(failures, fmt.Errorf("report what was put back on %s: %w", branch, err))
			continue
		}
		d.Log.Info("drift was put back", "branch", branch, "proposal", url)
		delete(kept, branch)
	}
	return errors.Join(append(failures, d.rememberCorrected(ctx, kept))...)
}
