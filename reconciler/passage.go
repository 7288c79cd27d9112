package reconciler

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
)

// A Witness knows who let a pull request in. Asking costs requests for each.
type Witness interface {
	// Passed tells who merged a pull request, and of each person whose last word on it approves, that.
	Passed(ctx context.Context, number int) (mergedBy string, given []Approval, err error)
}

// An Approval is a person's last word on a pull request, if that was a yes.
type Approval struct {
	By   string
	Head Commit // the version that it was given to
	At   time.Time
}

// mostWitnessed bounds of how many pull requests a report has it looked up who approved them, at two or
// three requests each. The report says of how many it wasn't.
const mostWitnessed = 40

// passages are the pull requests that were merged since a time, each with the commit of the log that it
// was applied with, the newest first. It takes the whole log: what was applied with a commit before a period is
// none of the period's.
func (d *Daemon) passages(ctx context.Context, log []changeset.Entry, since time.Time) ([]report.Passage, error) {
	merges, err := d.Reviews.Merges(ctx, since)
	if err != nil {
		return nil, fmt.Errorf("list merged pull requests: %w", err)
	}
	slices.SortFunc(merges, func(a, b Merge) int {
		return cmp.Or(b.Merged.Compare(a.Merged), cmp.Compare(b.Number, a.Number))
	})
	commits := loggedCommits(log)
	list := make([]report.Passage, len(merges))
	for i, m := range merges {
		list[i] = report.Passage{Number: m.Number, Title: m.Title, Author: m.Author, Merged: m.Merged, Ours: m.Ours, Head: string(m.Head)}
		if m.Ours && !slices.Contains(commits, m.Commit) {
			continue // a report that was taken: nothing was written for it, whatever came next
		}
		with, err := d.appliedWith(ctx, commits, m.Commit)
		if err != nil { // as for a commit of the log that the repository doesn't have any more
			d.Log.Warn("which writes came with a pull request isn't known", "pull_request", m.Number, "error", err)
			list[i].Unplaced = true
		}
		list[i].Commit = string(with)
	}
	return list, nil
}

// witness looks up who let the pull requests in, those first that something was written with.
func (d *Daemon) witness(ctx context.Context, list []report.Passage) error {
	if d.Witness == nil {
		return nil
	}
	order := make([]*report.Passage, len(list))
	for i := range list {
		order[i] = &list[i]
	}
	slices.SortStableFunc(order, func(a, b *report.Passage) int { return rank(a) - rank(b) })
	for _, p := range order[:min(len(order), mostWitnessed)] {
		by, given, err := d.Witness.Passed(ctx, p.Number)
		if err != nil {
			return fmt.Errorf("who approved pull request %d: %w", p.Number, err)
		}
		p.MergedBy, p.Asked = by, true
		for _, a := range given {
			p.Approvals = append(p.Approvals, report.Approval{By: a.By, Head: string(a.Head), At: a.At.UTC()})
		}
	}
	return nil
}

func rank(p *report.Passage) int {
	if p.Commit != "" {
		return 0
	}
	return 1
}

// wrote are the passages that something was written with in a part of the log.
func wrote(list []report.Passage, part []changeset.Entry) []report.Passage {
	commits := map[string]bool{}
	for _, c := range loggedCommits(part) {
		commits[string(c)] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(p report.Passage) bool { return !commits[p.Commit] })
}

// loggedCommits are the commits that something was written for, in the order of their first write, which is that of
// their history.
func loggedCommits(entries []changeset.Entry) []Commit {
	var commits []Commit
	seen := map[string]bool{"": true}
	for _, e := range entries {
		if e.Phase != changeset.Note && !seen[e.Commit] {
			seen[e.Commit] = true
			commits = append(commits, Commit(e.Commit))
		}
	}
	return commits
}

// appliedWith is the commit of the log that a merge was applied with: its own, or the first later one, which was
// applied in its place because it came before the first was begun. Empty if nothing was written for either.
func (d *Daemon) appliedWith(ctx context.Context, commits []Commit, merge Commit) (Commit, error) {
	if slices.Contains(commits, merge) {
		return merge, nil
	}
	low, high := 0, len(commits)
	for low < high { // each descends from the one before
		middle := (low + high) / 2
		within, err := d.Source.Ancestor(ctx, merge, commits[middle])
		if err != nil {
			return "", fmt.Errorf("whether %s has %s: %w", commits[middle].Short(), merge.Short(), err)
		}
		if within {
			high = middle
		} else {
			low = middle + 1
		}
	}
	if low == len(commits) {
		return "", nil
	}
	return commits[low], nil
}
