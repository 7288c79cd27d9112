package reconciler

import (
	"context"
	"fmt"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

// stateDecided keeps, by branch, what a person decided to have put back.
const stateDecided = "decided/"

// A decision is what a person decided to have put back, by closing a proposal or in a comment. It is kept from before the
// first write, because a restoration that ends part-way leaves a smaller cause: its digest is another
// one, and nobody is to be asked about the rest once more.
type decision struct {
	Number      int                         `json:"number"`      // of the proposal
	Digest      string                      `json:"digest"`      // of all that was decided on
	Differences map[resource.Address]string `json:"differences"` // the digest of each, as the person saw it
}

// is tells whether this is the decision that a proposal says was made.
func (made decision) is(p ProposalState) bool {
	return made.Number == p.Number && made.Digest == driftDigest(p)
}

// keepDecision notes what is about to be put back because somebody decided so. What was kept of the same
// decision before stays: it covers the whole of it.
func (d *Daemon) keepDecision(ctx context.Context, cause report.Cause, p ProposalState) error {
	known, err := d.recallDecision(ctx, p)
	if err != nil || known.is(p) {
		return err
	}
	made := decision{p.Number, driftDigest(p), map[resource.Address]string{}}
	for _, c := range cause.Changes {
		made.Differences[c.Address] = report.DigestOf(c)
	}
	return d.putDecision(ctx, p, made)
}

// done takes what was put back out of a decision: what becomes of it from then on is news.
func (d *Daemon) done(ctx context.Context, p ProposalState, outcomes []changeset.Outcome) error {
	made, err := d.recallDecision(ctx, p)
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		if o.Result == changeset.Applied {
			delete(made.Differences, o.Address)
		}
	}
	return d.putDecision(ctx, p, made)
}

func (d *Daemon) putDecision(ctx context.Context, p ProposalState, made decision) error {
	return d.remember(ctx, stateDecided+p.Branch, made, "what was decided on "+p.Branch)
}

func (d *Daemon) forgetDecision(ctx context.Context, p ProposalState) error {
	if err := d.Reconciler.State.Put(ctx, stateDecided+p.Branch, ""); err != nil {
		return fmt.Errorf("forget what was decided on %s: %w", p.Branch, err)
	}
	return nil
}

func (d *Daemon) recallDecision(ctx context.Context, p ProposalState) (made decision, err error) {
	err = d.recall(ctx, stateDecided+p.Branch, &made, "what was decided on "+p.Branch)
	return made, err
}

// goOn puts back what is left of a restoration that was decided on, each difference just as it was then. It
// returns what of the cause nobody decided on, nil if that is nothing, and whether such a restoration was begun.
func (d *Daemon) goOn(ctx context.Context, s scan, cause report.Cause, p ProposalState) (rest *report.Cause, begun bool, err error) {
	made, err := d.recallDecision(ctx, p)
	if err != nil || !made.is(p) {
		return nil, false, err
	}
	if refused, err := d.mayDecide(ctx, s.target, cause, p.ClosedBy); err != nil || refused != "" {
		return nil, false, err
	}
	asBefore := func(c changeset.Change) bool {
		was, known := made.Differences[c.Address]
		return known && was == report.DigestOf(c)
	}
	if part, some := cause.Only(asBefore); some {
		err = d.restore(ctx, s.target, part, p)
	}
	if other, some := cause.Only(func(c changeset.Change) bool { return !asBefore(c) }); some {
		rest = &other
	}
	return rest, true, err
}

// lookSoon has the next scan come soon if something that was put back waits for the cloud.
func (d *Daemon) lookSoon(outcomes []changeset.Outcome) {
	if at := soon(outcomes, time.Now()); !at.IsZero() {
		d.noLater(keyDrift, at)
		d.noLater(keyHead, at)
	}
}
