package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
)

// What people see of a commit after the merge: the check on it, its deployments, and a comment on the pull
// requests that came with it. This file says it in each of the ways that a try at a commit can end.

const (
	// often is the least time between two words on what waits, if nothing else about it has changed.
	often = 15 * time.Second
	// patientFor is for how long something has to wait for the cloud before pull requests are told so.
	patientFor = time.Minute
	// tellAgain is the time after which they are told how long it has been waiting now.
	tellAgain = 10 * time.Minute
)

// spoken is what was said of a commit while it waits for the cloud.
type spoken struct {
	title, told    string
	saidAt, toldAt time.Time
}

// announce says how a commit stands, at the end of a look at it. What waits goes on by itself, so that there is
// no more to say of it than that, now and then.
func (d *Daemon) announce(ctx context.Context, r *result) error {
	c, now := r.check(), time.Now()
	waits := c.Conclusion == ""
	if waits && c.Title == r.spoken.title && now.Sub(r.spoken.saidAt) < often {
		return nil
	}
	if err := d.check(ctx, c); err != nil {
		return err
	}
	r.spoken.title, r.spoken.saidAt = c.Title, now
	d.stands(ctx, r)
	if waits && (now.Sub(r.waitingSince(now)) < patientFor || c.Title == r.spoken.told && now.Sub(r.spoken.toldAt) < tellAgain) {
		return nil
	}
	r.spoken.told, r.spoken.toldAt = c.Title, now
	d.tell(ctx, r.commit, report.Aftermath(r.report()), r.converged)
	return nil
}

// waitingSince is when the cloud was first found not to be done with something; now if it isn't known.
func (r *result) waitingSince(now time.Time) time.Time {
	since := now
	for _, o := range r.outcomes {
		if o.Result == changeset.Waiting && !o.Since.IsZero() && o.Since.Before(since) {
			since = o.Since
		}
	}
	return since
}

// page is where people see a commit; empty if nobody knows.
func (d *Daemon) page(commit Commit) string {
	if d.Page == nil {
		return ""
	}
	return d.Page(commit)
}

// onHold says that somebody stopped all writes, unless the commit was brought to the cloud before that.
func (d *Daemon) onHold(ctx context.Context, commit Commit, why error) error {
	converged, err := d.Reconciler.State.Get(ctx, stateConverged)
	if err != nil {
		return fmt.Errorf("recall the applied commit: %w", err)
	}
	if converged == string(commit) {
		return nil
	}
	d.showings(ctx, halted(commit, "Not all of it: "+why.Error()))
	d.tell(ctx, commit, report.OnHold(string(commit), d.page(commit), why.Error()), false)
	return d.check(ctx, Check{Name: checkApply, Commit: commit, Conclusion: "action_required", Title: "On hold", Summary: why.Error()})
}

// unusable says that the definitions of a commit can't be used.
func (d *Daemon) unusable(ctx context.Context, t Target) error {
	const title = "The definitions can't be used; nothing was changed"
	text := findingsSummary(t.Findings)
	d.tell(ctx, t.Commit, report.Unusable(string(t.Commit), d.page(t.Commit), text), false)
	return d.check(ctx, Check{Name: checkApply, Commit: t.Commit, Conclusion: "failure", Title: title, Summary: text, Annotations: annotations(t.Findings)})
}

// incomparable says that the cloud can't be compared with what a commit wants. Pull requests are told if it
// goes on: mostly the next try comes further.
func (d *Daemon) incomparable(ctx context.Context, commit Commit, why error) error {
	const title = "The cloud can't be compared with Git"
	d.showings(ctx, halted(commit, title+": "+why.Error()))
	if d.astray {
		d.tell(ctx, commit, report.Incomparable(string(commit), d.page(commit), why.Error()), false)
	}
	return d.check(ctx, Check{Name: checkApply, Commit: commit, Conclusion: "failure", Title: title, Summary: why.Error()})
}

// stopped says that the application of a commit was stopped. If a newer one took over, its turn is next and
// says so of the environments; if the daemon was stopped, the next start goes on.
func (d *Daemon) stopped(ctx context.Context, commit Commit) error {
	ctx = context.WithoutCancel(ctx)
	if why := d.held(ctx); why != nil {
		d.showings(ctx, halted(commit, "Not all of it: "+why.Error()))
	}
	return d.check(ctx, Check{
		Name: checkApply, Commit: commit, Conclusion: "cancelled", Title: "Stopped between two changes",
		Summary: "A newer commit took over, writes were put on hold, or the daemon was stopped. Nothing was cut in half; the next run goes on.",
	})
}

// relook has a commit that the cloud was brought to applied once more, if somebody asked for that.
func (d *Daemon) relook(ctx context.Context) error {
	if !d.noticed.askedAgain() {
		return nil
	}
	err := d.converged(ctx, "")
	if err != nil {
		d.noticed.askAgain()
	}
	return err
}

// tell says on the pull requests that came with a commit what became of it: that all of it was seen in the
// cloud, or what is missing and how to go on. That is a courtesy beside the check on the commit, so
// that its failure is none of the run's. Until it is done, the same pull requests are told again.
func (d *Daemon) tell(ctx context.Context, commit Commit, markdown string, done bool) {
	if err := d.tellMerged(ctx, commit, markdown, done); err != nil && ctx.Err() == nil {
		d.Log.Warn("merged pull requests were not told how it ended", "commit", commit.Short(), "error", err)
	}
}

func (d *Daemon) tellMerged(ctx context.Context, commit Commit, markdown string, done bool) error {
	text, err := d.Reconciler.State.Get(ctx, stateTold)
	if err != nil {
		return fmt.Errorf("recall which pull requests were told: %w", err)
	}
	if last := Commit(text); last != "" && last != commit {
		if err := d.tellSince(ctx, last, commit, markdown); err != nil {
			return err
		}
	}
	if !done {
		return nil
	}
	return d.Reconciler.State.Put(ctx, stateTold, string(commit))
}

// tellSince comments on the pull requests that lie between two commits.
func (d *Daemon) tellSince(ctx context.Context, last, commit Commit, markdown string) error {
	list, err := d.Reviews.Merges(ctx, time.Now().UTC().Add(-recentMerges))
	if err != nil {
		return fmt.Errorf("list merged pull requests: %w", err)
	}
	var failures []error
	told := 0
	for _, m := range list {
		fresh, err := d.between(ctx, last, m.Commit, commit)
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
