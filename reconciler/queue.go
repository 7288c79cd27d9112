package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
)

// A Group is what a merge queue is about to merge: the watched branch with one or more pull requests on
// it. The queue waits for the checks on its head.
type Group struct {
	Ref  string // "refs/heads/gh-readonly-queue/main/pr-7-…"
	Head Commit
}

const (
	// keyShown is where State keeps which destructive changes the plan of a pull request showed.
	keyShown = "shown/"
	// stateGroups is where State keeps which merge groups have an answer: of those that were listed last, the
	// head by the ref. A queue names a new ref for each, so that one key for each would pile up.
	stateGroups = "groups"
)

// groups answers every merge group that has no answer yet.
func (d *Daemon) groups(ctx context.Context) error {
	list, err := d.Reviews.Groups(ctx)
	if err != nil {
		return fmt.Errorf("list merge groups: %w", err)
	}
	known, err := d.answeredGroups(ctx)
	if err != nil {
		return err
	}
	answered := map[string]Commit{}
	var failures []error
	for _, g := range list {
		if known[g.Ref] != g.Head {
			done, err := d.group(ctx, g)
			if err != nil {
				failures = append(failures, fmt.Errorf("merge group %s: %w", g.Ref, err))
			}
			if err != nil || !done {
				continue
			}
		}
		answered[g.Ref] = g.Head
	}
	if !maps.Equal(answered, known) {
		failures = append(failures, d.keepGroups(ctx, answered))
	}
	return errors.Join(failures...)
}

func (d *Daemon) answeredGroups(ctx context.Context) (map[string]Commit, error) {
	answered := map[string]Commit{}
	err := d.recall(ctx, stateGroups, &answered, "the answered merge groups")
	return answered, err
}

func (d *Daemon) keepGroups(ctx context.Context, answered map[string]Commit) error {
	return d.remember(ctx, stateGroups, answered, "the answered merge groups")
}

// group judges one merge group. Its commit will be the watched branch, so that it gets the checks of a pull
// request, and one more: it may destroy only what the plan of a pull request showed to those who
// reviewed it. Several that are harmless by themselves may not be together. It isn't done if the queue
// was made anew meanwhile.
func (d *Daemon) group(ctx context.Context, g Group) (done bool, err error) {
	commit, err := d.Source.Fetch(ctx, g.Ref)
	if errors.Is(err, ErrNoRef) || err == nil && commit != g.Head {
		return false, nil // the next look has what it is now
	}
	if err != nil {
		return false, err
	}
	pr := PullRequest{Head: commit}
	for _, name := range pullChecks() {
		if err := d.check(ctx, Check{Name: name, Commit: commit, Title: "Working on it"}); err != nil {
			return false, err
		}
	}
	merged, err := d.targets.open(ctx, d.Loader, d.Source, commit)
	if err != nil {
		return false, err
	}
	valid, err := d.judge(ctx, pr, merged)
	if err != nil {
		return false, err
	}
	c := Check{Conclusion: "failure", Title: "No plan: the definitions are not valid", Summary: findingsSummary(merged.Findings)}
	if valid {
		if c, err = d.planGroup(ctx, merged); err != nil {
			return false, err
		}
	}
	c.Name, c.Commit = checkPlan, commit
	if err := d.check(ctx, c); err != nil {
		return false, err
	}
	return true, nil
}

func (d *Daemon) planGroup(ctx context.Context, merged Target) (Check, error) {
	trusted, err := d.trusted(ctx)
	if err != nil {
		return Check{}, err
	}
	if trusted.Name != "" && trusted.Name != merged.Fleet.Name {
		return Check{Conclusion: "failure", Title: "The fleet's name can't be changed", Summary: "It is " + trusted.Name + " on the watched branch."}, nil
	}
	base, err := d.trustedTarget(ctx)
	if err != nil {
		return Check{}, err
	}
	whole, err := d.reader(merged.Fleet, trusted).Plan(ctx, merged, Question{Correct: merged.Fleet.CorrectDrift})
	if err != nil {
		return Check{Conclusion: "failure", Title: "The cloud can't be compared with Git", Summary: err.Error()}, nil //nolint:nilerr // it is the answer
	}
	owners := touched(base, merged)
	cs := whole.Only(owners...).Changeset
	comes := facts(base, merged, cs, owners)
	c := planCheck(merged.Commit, cs, comes, report.Comment(cs, report.CommentOptions{Head: string(merged.Commit), Facts: comes}))
	unknown, err := d.unshown(ctx, cs)
	if err != nil || len(unknown) == 0 {
		return c, err
	}
	c.Conclusion = "action_required"
	c.Title = fmt.Sprintf("%d destructive change%s that no pull request showed", len(unknown), plural(len(unknown)))
	c.Summary = "Together the pull requests of this group do what the plan of none of them showed: " + strings.Join(unknown, ", ") +
		". Take them out of the queue, update one with the watched branch, review its plan, and queue it again.\n\n" + c.Summary
	return c, nil
}

// trustedTarget is the newest commit of the watched branch.
func (d *Daemon) trustedTarget(ctx context.Context) (Target, error) {
	newest, err := d.Source.Head(ctx)
	if err != nil {
		return Target{}, fmt.Errorf("read the config repository: %w", err)
	}
	return d.targets.open(ctx, d.Loader, d.Source, newest)
}

// destructive names the changes of a changeset that take something away.
func destructive(cs changeset.Changeset) []string {
	var list []string
	for _, c := range cs.Changes {
		if c.Action == changeset.Delete || c.Action == changeset.Replace || c.Action == changeset.Retire {
			list = append(list, string(c.Action)+" "+c.Address.String())
		}
	}
	slices.Sort(list)
	return list
}

// shown remembers what the plan of a pull request showed to its reviewers.
func (d *Daemon) shown(ctx context.Context, number int, cs changeset.Changeset) error {
	return d.remember(ctx, keyShown+strconv.Itoa(number), destructive(cs), fmt.Sprintf("what the plan of pull request %d showed", number))
}

// unshown are the destructive changes that the plan of no open pull request showed. Those in a queue are
// open until they are merged.
func (d *Daemon) unshown(ctx context.Context, cs changeset.Changeset) ([]string, error) {
	wanted := destructive(cs)
	if len(wanted) == 0 {
		return nil, nil
	}
	list, err := d.Reviews.PullRequests(ctx)
	if err != nil {
		return nil, fmt.Errorf("list pull requests: %w", err)
	}
	known := map[string]bool{}
	for _, pr := range list {
		var changes []string
		if err := d.recall(ctx, keyShown+strconv.Itoa(pr.Number), &changes, fmt.Sprintf("what the plan of pull request %d showed", pr.Number)); err != nil {
			return nil, err
		}
		for _, change := range changes {
			known[change] = true
		}
	}
	return slices.DeleteFunc(wanted, func(change string) bool { return known[change] }), nil
}
