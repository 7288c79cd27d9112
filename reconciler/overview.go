package reconciler

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tenantry.dev/reconciler/report"
)

const (
	overviewBranch = driftBranches + "overview"
	// overviewDigest begins the digest of the list of what waits to be asked about.
	overviewDigest = "overview:"
)

// undecidable tells whether a proposal about drift asks nothing: a report on what was put back, or the list of
// what waits.
func undecidable(p ProposalState) bool {
	return strings.HasPrefix(p.Digest, correctedDigest) || strings.HasPrefix(p.Digest, overviewDigest)
}

// seats are the pull requests about drift that may still be opened. Who has one keeps it until it is decided on or
// gone, however grave what comes later is: a report that comes and goes is worse than one that waits.
type seats struct {
	free    int
	reports int            // of those that are free, how many may tell what was put back
	waiting []report.Cause // what found none
}

// take counts what is taken. Reports on what was put back take half of all at most, so that questions aren't kept
// waiting by what nobody need decide on.
func (s scan) take() *seats {
	out := &seats{free: s.target.Fleet.OpenDrift, reports: max(1, s.target.Fleet.OpenDrift/2)}
	for _, p := range s.proposals {
		if p.State != "open" || p.Branch == overviewBranch {
			continue
		}
		out.free--
		if strings.HasPrefix(p.Digest, correctedDigest) {
			out.reports--
		}
	}
	return out
}

func (s *seats) question() bool {
	if s.free <= 0 {
		return false
	}
	s.free--
	return true
}

func (s *seats) report() bool {
	if s.reports <= 0 || !s.question() {
		return false
	}
	s.reports--
	return true
}

// overview keeps one proposal with all that waits, and none if nothing does. What people do to it decides nothing: it
// is made again when something else waits.
func (d *Daemon) overview(ctx context.Context, s scan) error {
	last := latest(s.proposals, overviewBranch)
	if len(s.seats.waiting) == 0 {
		if last.State != "open" || len(s.plan.Changeset.Unseen) > 0 {
			return nil
		}
		if err := d.Forge.Withdraw(ctx, overviewBranch, "Nothing waits any more: what drifted has a pull request of its own, or is gone."); err != nil {
			return fmt.Errorf("withdraw %s: %w", overviewBranch, err)
		}
		return nil
	}
	title, markdown, data, digest := report.Overview(s.seats.waiting, s.target.Fleet.OpenDrift, report.DriftOptions{
		Fleet: s.target.Fleet.Name, Commit: string(s.target.Commit), Since: s.since, Deeds: s.deeds,
	})
	if last.Digest == digest && (last.State == "merged" || last.State == "closed" && !last.ByUs) {
		return nil // somebody has seen it
	}
	_, err := d.Forge.Propose(ctx, Proposal{
		Branch: overviewBranch, Title: title, Body: markdown, Labels: []string{"tenantry/drift"}, Digest: digest, Returns: true,
		Files: map[string][]byte{driftFolder + "overview.md": []byte(markdown), driftFolder + "overview.json": data},
	})
	if err != nil && !errors.Is(err, ErrTouched) {
		return fmt.Errorf("list the drift that waits: %w", err)
	}
	return nil
}
