package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tenantry.dev/reconciler/report"
)

// A Merge is a pull request that became part of the watched branch.
type Merge struct {
	Number int
	Title  string
	Author string
	Merged time.Time
	Commit Commit // what the merge made; of several commits that came one by one, the last
	Head   Commit // what the pull request's branch was at
	Ours   bool   // Tenantry opened it
}

const (
	// stateTold is where State keeps the newest commit whose pull requests were told how it ended.
	stateTold = "told"
	// keyResult is the key of the comment that says what became of a merged pull request.
	keyResult = "result"
	// recentMerges is how far back merges are looked for: longer than a fleet takes to converge.
	recentMerges = 14 * 24 * time.Hour
	// mostTold bounds the comments for one commit. Whoever merges more at once looks at the commit.
	mostTold = 20
)

// tell says on the pull requests that came with a commit what became of it: that all of it was seen in the
// cloud, or what is missing and how to go on. That is a courtesy beside the check on the commit, so
// that its failure is none of the run's.
func (d *Daemon) tell(ctx context.Context, r *result) {
	if err := d.tellMerged(ctx, r); err != nil && ctx.Err() == nil {
		d.Log.Warn("merged pull requests were not told how it ended", "commit", r.commit.Short(), "error", err)
	}
}

func (d *Daemon) tellMerged(ctx context.Context, r *result) error {
	text, err := d.Reconciler.State.Get(ctx, stateTold)
	if err != nil {
		return fmt.Errorf("recall which pull requests were told: %w", err)
	}
	if last := Commit(text); last != "" && last != r.commit {
		if err := d.tellSince(ctx, last, r); err != nil {
			return err
		}
	}
	if !r.converged {
		return nil // the same pull requests are told again how it goes on
	}
	return d.Reconciler.State.Put(ctx, stateTold, string(r.commit))
}

// tellSince comments on the pull requests that lie between two commits.
func (d *Daemon) tellSince(ctx context.Context, last Commit, r *result) error {
	list, err := d.Reviews.Merges(ctx, time.Now().UTC().Add(-recentMerges))
	if err != nil {
		return fmt.Errorf("list merged pull requests: %w", err)
	}
	_, markdown := report.Applied(r.report())
	var failures []error
	told := 0
	for _, m := range list {
		fresh, err := d.between(ctx, last, m.Commit, r.commit)
		if err == nil && fresh && !m.Ours && told < mostTold {
			told++
			err = d.Reviews.Comment(ctx, m.Number, keyResult, markdown)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("pull request %d: %w", m.Number, err))
		}
	}
	return errors.Join(failures...)
}

// between tells whether a commit is part of a newer one and not yet of an older one.
func (d *Daemon) between(ctx context.Context, older, commit, newer Commit) (bool, error) {
	within, err := d.Source.Ancestor(ctx, commit, newer)
	if err != nil || !within {
		return false, err
	}
	before, err := d.Source.Ancestor(ctx, commit, older)
	return !before, err
}
