package github

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/reconciler"
)

// Check implements reconciler.Reviews with a check run, or with a commit status where the
// credentials don't allow check runs: a person's token, or an App without that permission.
//
// A run that is in progress is finished; one that is finished and shows the same is left alone;
// one that shows something else is followed by a new run of the same name, which GitHub then
// shows in its place, because annotations can only be added to.
func (c *Client) Check(ctx context.Context, k reconciler.Check) error {
	operation := fmt.Sprintf("set check %s on %s", k.Name, k.Commit.Short())
	switch k.Conclusion {
	case "", "success", "failure", "neutral", "action_required", "cancelled":
	default:
		return fail(operation, fmt.Errorf("%q is no conclusion of ours", k.Conclusion))
	}
	release, err := c.turns.take(ctx, "check "+k.Name+" "+string(k.Commit))
	if err != nil {
		return fail(operation, err)
	}
	defer release()
	ctx = withClass(ctx, urgency(k))
	who, err := c.Identity(ctx)
	if err != nil {
		return fail(operation, err)
	}
	if who.App && !c.lacksChecks() {
		err := c.setRun(ctx, k)
		if statusOf(err) != http.StatusForbidden {
			return fail(operation, err)
		}
		c.noteNoChecks()
	}
	return fail(operation, c.setStatus(ctx, who, k))
}

func (c *Client) lacksChecks() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.noChecks
}

func (c *Client) noteNoChecks() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noChecks = true
}

// urgency is how soon a check is shown when several wait.
func urgency(k reconciler.Check) class {
	switch {
	case k.Conclusion == "":
		return classSign
	case k.Aside:
		return classAside
	}
	return classAnswer
}

func (c *Client) setRun(ctx context.Context, k reconciler.Check) error {
	have, err := c.latestRun(ctx, k)
	if err != nil {
		return err
	}
	hash, page := hashOf(k), layOut(k)
	if have.id != 0 && have.done == (k.Conclusion != "") && have.hash == hash {
		return nil
	}
	now, err := c.bring(ctx, have, k, page)
	if err != nil {
		c.runs.forget(k.Commit) // it may have had its effect
		return err
	}
	now.hash = hash
	c.runs.put(k.Commit, k.Name, now)
	return nil
}

// bring has a run show a check. Annotations are added by each update, so a run that has some already,
// from an attempt that didn't get to its end, would show them twice.
func (c *Client) bring(ctx context.Context, have run, k reconciler.Check, p page) (run, error) {
	if have.id == 0 || have.done || have.annotated {
		made, err := c.createRun(ctx, k, p)
		if err != nil {
			return run{}, err
		}
		have = run{id: made.GetID(), done: made.GetStatus() == "completed"}
		if have.done || k.Conclusion == "" {
			return have, nil
		}
	}
	return run{id: have.id, done: k.Conclusion != "", annotated: len(p.annotations) > 0}, c.updateRun(ctx, have.id, k, p)
}

// latestRun returns our newest run of this name on the commit, or none. What we set is remembered,
// since nobody else can set it; the rest is read once for all names together. Those of other Apps are
// not in the answer.
func (c *Client) latestRun(ctx context.Context, k reconciler.Check) (run, error) {
	release, err := c.turns.take(ctx, "checks of "+string(k.Commit))
	if err != nil {
		return run{}, err
	}
	defer release()
	if known, ok := c.runs.get(k.Commit, k.Name); ok {
		return known, nil
	}
	o := &gh.ListCheckRunsOptions{Filter: new("latest"), AppID: &c.appID, ListOptions: gh.ListOptions{PerPage: pageSize}}
	found, _, err := c.api.Checks.ListCheckRunsForRef(ctx, c.owner, c.repo, string(k.Commit), o)
	if err != nil {
		return run{}, fail("look for the run", err)
	}
	read := make(map[string]run)
	for _, r := range found.CheckRuns {
		if r.GetID() > read[r.GetName()].id {
			read[r.GetName()] = run{
				id: r.GetID(), done: r.GetStatus() == "completed",
				hash: checkHash(r.GetOutput().GetSummary()), annotated: r.GetOutput().GetAnnotationsCount() > 0,
			}
		}
	}
	c.runs.read(k.Commit, read)
	return read[k.Name], nil
}

// createRun makes a run, finished at once if it has a conclusion and no more annotations than one request
// may have. More are left to updates, all of them: GitHub has dropped those over the limit at creation
// silently.
func (c *Client) createRun(ctx context.Context, k reconciler.Check, p page) (*gh.CheckRun, error) {
	o := gh.CreateCheckRunOptions{
		Name: k.Name, HeadSHA: string(k.Commit), ExternalID: optional(k.ExternalID),
		Status: new("in_progress"), Output: p.output(nil),
	}
	if k.Conclusion != "" && len(p.annotations) <= annotationsPerRequest {
		o.Status, o.Conclusion, o.Output = new("completed"), &k.Conclusion, p.output(p.annotations)
	}
	run, _, err := c.api.Checks.CreateCheckRun(ctx, c.owner, c.repo, o)
	return run, fail("create the run", err)
}

// updateRun brings a run in progress to the check, with one request per 50 annotations, the last
// of which finishes it.
func (c *Client) updateRun(ctx context.Context, id int64, k reconciler.Check, p page) error {
	batches := slices.Collect(slices.Chunk(p.annotations, annotationsPerRequest))
	if len(batches) == 0 {
		batches = append(batches, nil)
	}
	for i, batch := range batches {
		o := gh.UpdateCheckRunOptions{Name: k.Name, ExternalID: optional(k.ExternalID), Output: p.output(batch)}
		switch {
		case k.Conclusion == "":
			o.Status = new("in_progress")
		case i == len(batches)-1:
			o.Status, o.Conclusion = new("completed"), &k.Conclusion
		}
		if _, _, err := c.api.Checks.UpdateCheckRun(ctx, c.owner, c.repo, id, o); err != nil {
			return fail("update the run", err)
		}
	}
	return nil
}

// hashOf covers all that a check shows.
func hashOf(k reconciler.Check) string {
	k.Aside = false
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%#v", k)))
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
