package reconciler

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// pulls triggers an answer to every open pull request that has none for what it is now.
func (d *Daemon) pulls(ctx context.Context) error {
	list, err := d.Reviews.PullRequests(ctx)
	if err != nil {
		return fmt.Errorf("list pull requests: %w", err)
	}
	slices.SortFunc(list, func(a, b PullRequest) int { return a.Number - b.Number }) // whoever asked first
	open := map[int]bool{}
	for _, pr := range list {
		open[pr.Number] = true
		answered, err := d.Reconciler.State.Get(ctx, answerKey(pr.Number))
		if err != nil {
			return fmt.Errorf("recall the answer to pull request %d: %w", pr.Number, err)
		}
		if answered != question(pr) {
			d.desk.put(Hint{Pull: pr.Number, Head: pr.Head, Base: pr.Base})
		}
	}
	under, err := d.unanswered(ctx)
	if err != nil {
		return err
	}
	for number := range under {
		if !open[number] {
			d.desk.put(Hint{Pull: number, Closed: true})
		}
	}
	return nil
}

func answerKey(number int) string { return keyPull + strconv.Itoa(number) }

// question is what an answer depends on, as far as Git is concerned.
func question(pr PullRequest) string { return string(pr.Head) + " on " + string(pr.Base) }

// pull answers one pull request: are its definitions valid, and what would merging it change? One that was
// answered as it is costs nothing. An answer to what the pull request isn't any more is given up.
func (d *Daemon) pull(ctx context.Context, number int) error {
	pr, open, err := d.Reviews.PullRequest(ctx, number)
	if err != nil {
		return fmt.Errorf("read pull request %d: %w", number, err)
	}
	if !open {
		return d.dismiss(ctx, number)
	}
	asked, err := d.Reconciler.State.Get(ctx, answerKey(number))
	if err != nil {
		return fmt.Errorf("recall the answer to pull request %d: %w", number, err)
	}
	if asked == question(pr) {
		return nil
	}
	running, leave := d.desk.attend(ctx, pr)
	defer leave()
	err = d.respond(running, pr, asked == askedAgain)
	if errors.Is(err, errOvertaken) || errors.Is(context.Cause(running), errOvertaken) {
		d.trigger(ctx, keyPull+strconv.Itoa(number), true) // what it is now
		return nil
	}
	if err != nil {
		return err
	}
	return d.answered(ctx, pr, asked)
}

// respond evaluates a pull request and says what came of it. What takes time, and what writes to the
// forge, is done at the same time where it can be.
func (d *Daemon) respond(ctx context.Context, pr PullRequest, again bool) error {
	if pr.Fork { // whose code is judged before it is evaluated
		if err := d.begin(ctx, pr, again); err != nil {
			return err
		}
	}
	var merged Target
	strange := false
	err := together(
		func() error { return d.begin(ctx, pr, again) },
		func() (err error) {
			commit, err := d.mergeResult(ctx, pr)
			if err != nil {
				return err
			}
			if strange, err = d.strange(ctx, pr, commit); err != nil || strange {
				return err
			}
			merged, err = d.targets.open(ctx, d.Loader, d.Source, commit)
			return err
		})
	if err != nil || strange {
		return err
	}
	return together(
		func() error { _, err := d.judge(ctx, pr, merged); return err },
		func() error { return d.plan(ctx, pr, merged, usable(merged)) })
}

// mergeResult is what the watched branch would ask for after the merge. Where the forge has no
// merge result of this head, as with conflicts, it is the head. GitHub leaves an outdated
// refs/pull/N/merge in place then, so that having one proves nothing.
func (d *Daemon) mergeResult(ctx context.Context, pr PullRequest) (Commit, error) {
	commit, err := d.Source.Fetch(ctx, fmt.Sprintf("refs/pull/%d/merge", pr.Number))
	fits := false
	if err == nil {
		fits, err = d.Source.Ancestor(ctx, pr.Head, commit)
	}
	if errors.Is(err, ErrNoRef) || err == nil && !fits {
		commit, err = d.Source.Fetch(ctx, fmt.Sprintf("refs/pull/%d/head", pr.Number))
	}
	if err != nil {
		return "", fmt.Errorf("fetch pull request %d: %w", pr.Number, err)
	}
	return commit, nil
}

// strange tells whether a pull request has code from a stranger, and says so on it. Tenants are data,
// which is checked before anything is evaluated. All else is CUE, which can take any time and memory,
// and comes from those alone who may push to this repository.
func (d *Daemon) strange(ctx context.Context, pr PullRequest, commit Commit) (bool, error) {
	if !pr.Fork {
		return false, nil
	}
	base, err := d.baseOf(ctx, pr, Target{Commit: commit})
	if err != nil {
		return false, err
	}
	changed, err := d.Source.Changed(ctx, base.Commit, commit)
	if err != nil {
		return false, fmt.Errorf("what pull request %d changes: %w", pr.Number, err)
	}
	at := slices.IndexFunc(changed, func(c Change) bool {
		return strings.HasSuffix(c.Path, ".cue") && path.Dir(c.Path) != "tenants"
	})
	if at < 0 {
		return false, nil
	}
	for _, name := range pullChecks() {
		err = errors.Join(err, d.check(ctx, Check{
			Name: name, Commit: pr.Head, Conclusion: "action_required", Title: "Not evaluated: it comes from a fork",
			Summary: "The head is in another repository, and it changes " + strconv.Quote(changed[at].Path) + ", which is more than a tenant. " +
				"To have it checked, review it and push it to a branch of this repository.",
		}))
	}
	return true, err
}

// baseOf is what the watched branch asks for without the merge: its newest commit, if the merge
// result has that in it, or else the one that the pull request was made on.
func (d *Daemon) baseOf(ctx context.Context, pr PullRequest, merged Target) (Target, error) {
	base := pr.Base
	newest, err := d.Source.Head(ctx)
	if err != nil {
		return Target{}, fmt.Errorf("read the config repository: %w", err)
	}
	within, err := d.Source.Ancestor(ctx, newest, merged.Commit)
	if err != nil {
		return Target{}, fmt.Errorf("whether %s is merged with %s: %w", merged.Commit.Short(), newest.Short(), err)
	}
	if within {
		base = newest
	}
	return d.targets.open(ctx, d.Loader, d.Source, base)
}

// judge says whether the definitions are valid, and whether they keep to the policies. Both must hold for
// there to be a plan.
func (d *Daemon) judge(ctx context.Context, pr PullRequest, t Target) (bool, error) {
	mistakes, breaches := apart(t.Findings)
	for _, c := range []Check{validity(t, mistakes), obedience(t, breaches)} {
		c.Commit, c.Aside = pr.Head, usable(t)
		if err := d.check(ctx, c); err != nil {
			return false, err
		}
	}
	return usable(t), nil
}

// usable tells whether the definitions are such that a plan can be made of them.
func usable(t Target) bool { return t.Fleet != nil && !invalid(t.Findings) }

// keyPlan is the key of the comment that has the plan.
const keyPlan = "plan"

// plan says what merging would change: the changes of the owners that the pull request touches.
func (d *Daemon) plan(ctx context.Context, pr PullRequest, merged Target, valid bool) error {
	switch {
	case merged.Fleet == nil || !valid:
		text := "The definitions are not valid, so there is no plan:\n\n" + findingsSummary(merged.Findings)
		if !pr.Fork {
			shadow, err := d.shadow(ctx, pr, merged, nil)
			if err != nil {
				return err
			}
			text += "\n" + report.ShadowComment(shadow)
		}
		said := d.sayPlan(ctx, pr, text)
		if errors.Is(said, errOvertaken) {
			return said
		}
		return errors.Join(said, d.check(ctx, Check{Name: checkPlan, Commit: pr.Head, Conclusion: "failure", Title: "No plan: the definitions are not valid", Summary: text}))
	case pr.Fork:
		return d.check(ctx, Check{
			Name: checkPlan, Commit: pr.Head, Conclusion: "neutral", Title: "No plan for a fork",
			Summary: "The head is in another repository, so it is validated and not compared with the cloud.",
		})
	}
	trusted, err := d.trusted(ctx)
	if err != nil {
		return err
	}
	if trusted.Name != "" && trusted.Name != merged.Fleet.Name {
		return d.refuseName(ctx, pr, trusted.Name, merged.Fleet.Name)
	}
	base, err := d.baseOf(ctx, pr, merged)
	if err != nil {
		return err
	}
	// What the owners have that it touches is read again. Whom it has put back drift concerns everybody.
	q := Question{Correct: merged.Fleet.CorrectDrift, Within: d.lately()}
	correcting := merged.Fleet.CorrectDrift && base.Fleet != nil && !base.Fleet.CorrectDrift
	if correcting {
		q.Within = 0
	}
	owners := touched(base, merged)
	if !correcting {
		q.About = append([]resource.Owner{}, owners...)
	}
	whole, err := d.reader(merged.Fleet, trusted).Plan(ctx, merged, q)
	if err != nil {
		return errors.Join(err, d.check(ctx, Check{
			Name: checkPlan, Commit: pr.Head, Conclusion: "failure", Title: "The cloud can't be compared with Git", Summary: err.Error(),
		}))
	}
	if correcting {
		owners = append(owners, drifters(whole.Changeset)...)
	}
	cs := whole.Only(owners...).Changeset
	shadow, err := d.shadow(ctx, pr, merged, whole.set.Kinds())
	if err != nil {
		return err
	}
	comes := facts(base, merged, cs, owners)
	body := report.Comment(cs, report.CommentOptions{Head: string(pr.Head), Remarks: remarks(base.Fleet, merged.Fleet), Shadow: shadow, Facts: comes})
	said := d.sayPlan(ctx, pr, body)
	if errors.Is(said, errOvertaken) {
		return said
	}
	if err := d.shown(ctx, pr.Number, cs); err != nil {
		return errors.Join(said, err)
	}
	return errors.Join(said, d.check(ctx, planCheck(pr.Head, cs, comes, body))) // the check may pass where the comment may not
}

// planCheck is action_required where a person must decide before a merge can have its effect.
func planCheck(head Commit, cs changeset.Changeset, comes report.Facts, text string) Check {
	c := Check{Name: checkPlan, Commit: head, Conclusion: "success", Title: report.Title(cs, comes), Summary: text, ExternalID: cs.Digest}
	for _, change := range cs.Changes {
		if change.Hold == "" || change.HoldKind == changeset.HoldDrift {
			continue
		}
		c.Conclusion = "action_required"
		c.Annotations = append(c.Annotations, Annotation{
			Origin: change.Origin, Level: "warning", Title: "Held: " + string(change.Action) + " " + change.Address.String(), Message: change.Hold,
		})
	}
	if len(cs.Unseen)+len(cs.Broken) > 0 {
		c.Conclusion = "action_required"
	}
	c.Annotations = slices.DeleteFunc(c.Annotations, func(a Annotation) bool { return a.Origin.File == "" })
	return c
}

// touched are the owners that the pull request changes: whose rendering on the merge result
// differs from that on the watched branch, or who are removed by it.
func touched(base, merged Target) []resource.Owner {
	before := base.Fleet
	if before == nil {
		before = &schema.Fleet{} // all is new
	}
	seen := map[resource.Owner]bool{}
	for _, owner := range merged.Fleet.Differs(before) {
		seen[owner] = true
	}
	for owner := range merged.Removed {
		if _, already := base.Removed[owner]; !already {
			seen[owner] = true
		}
	}
	var owners []resource.Owner
	for owner, differs := range seen {
		if differs {
			owners = append(owners, owner)
		}
	}
	slices.Sort(owners)
	return owners
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
