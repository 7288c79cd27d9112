package github

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/reconciler"
)

const (
	pageSize     = 100
	withdrawnKey = "withdrawn"
)

// Withdraw implements reconciler.Forge. If somebody else committed to the branch, the pull request
// is closed and the branch kept, and the comment says so; a pull request that somebody else opened
// from the branch is ErrTouched and stays as it is.
func (c *Client) Withdraw(ctx context.Context, branch, reason string) error {
	operation := "withdraw " + branch
	if err := c.notWatched(ctx, branch); err != nil {
		return fail(operation, err)
	}
	release, err := c.hold(ctx)
	if err != nil {
		return fail(operation, err)
	}
	defer release()
	return fail(operation, c.withdraw(ctx, branch, reason))
}

func (c *Client) withdraw(ctx context.Context, branch, reason string) error {
	who, err := c.Identity(ctx)
	if err != nil {
		return err
	}
	pr, err := c.openFrom(ctx, branch)
	if err != nil {
		return err
	}
	have, err := c.branchHead(ctx, who, branch)
	if err != nil {
		return err
	}
	if pr != nil {
		if !sameLogin(pr.GetUser().GetLogin(), who.Login) {
			return fmt.Errorf("%w, and opened pull request %d from it", reconciler.ErrTouched, pr.GetNumber())
		}
		if have.touched {
			reason += "\n\nThe branch stays, because somebody else committed to it."
		}
		if err := c.closePull(ctx, who, pr, reason); err != nil {
			return err
		}
	}
	if have.sha == "" || have.touched {
		return nil
	}
	_, err = c.api.Git.DeleteRef(ctx, c.owner, c.repo, "refs/heads/"+branch)
	if gone(err) || statusOf(err) == http.StatusUnprocessableEntity { // "Reference does not exist"
		return nil
	}
	return fail("delete the branch", err)
}

// closePull says why and closes. The marker in the body tells later that it was us.
func (c *Client) closePull(ctx context.Context, who Identity, pr *gh.PullRequest, reason string) error {
	if err := c.setComment(ctx, who, pr.GetNumber(), withdrawnKey, reason); err != nil {
		return err
	}
	body := pr.GetBody()
	if !strings.Contains(body, withdrawnMarker) {
		body = strings.TrimSpace(body) + "\n" + withdrawnMarker + "\n"
	}
	_, _, err := c.api.PullRequests.Edit(ctx, c.owner, c.repo, pr.GetNumber(), &gh.PullRequest{
		State: new("closed"), Body: &body,
	})
	return fail(fmt.Sprintf("close pull request %d", pr.GetNumber()), err)
}

// Proposals implements reconciler.Forge. They come by number, the newest first.
func (c *Client) Proposals(ctx context.Context, prefix string, since time.Time) ([]reconciler.ProposalState, error) {
	states, err := c.proposals(ctx, prefix, since)
	return states, fail("list the proposals "+prefix+"*", err)
}

func (c *Client) proposals(ctx context.Context, prefix string, since time.Time) ([]reconciler.ProposalState, error) {
	who, err := c.Identity(ctx)
	if err != nil {
		return nil, err
	}
	open, err := c.pulls(ctx, &gh.PullRequestListOptions{State: "open"}, time.Time{})
	if err != nil {
		return nil, err
	}
	closed, err := c.pulls(ctx, &gh.PullRequestListOptions{State: "closed", Sort: "updated", Direction: "desc"}, since)
	if err != nil {
		return nil, err
	}
	var states []reconciler.ProposalState
	listed := make(map[int]bool)
	for _, pr := range slices.Concat(open, closed) {
		// One that is closed between the two questions is in both answers.
		if listed[pr.GetNumber()] || !strings.HasPrefix(pr.GetHead().GetRef(), prefix) || !isOurs(pr, who) {
			continue
		}
		listed[pr.GetNumber()] = true
		state, err := c.proposalState(ctx, who, pr)
		if err != nil {
			return nil, err
		}
		states = append(states, state)
	}
	slices.SortFunc(states, func(a, b reconciler.ProposalState) int { return b.Number - a.Number })
	return states, nil
}

// proposalState tells what became of a pull request of ours. Who closed it is known to the issue
// alone.
func (c *Client) proposalState(ctx context.Context, who Identity, pr *gh.PullRequest) (reconciler.ProposalState, error) {
	state := reconciler.ProposalState{
		Branch: pr.GetHead().GetRef(), Number: pr.GetNumber(), URL: pr.GetHTMLURL(),
		State: pr.GetState(), ClosedAt: pr.GetClosedAt().Time,
	}
	state.Digest, _ = proposalDigest(pr.GetBody())
	if pr.MergedAt != nil {
		state.State = "merged"
		return state, nil
	}
	if state.State == "open" {
		return state, nil
	}
	issue, _, err := c.api.Issues.Get(ctx, c.owner, c.repo, pr.GetNumber())
	if err != nil {
		return state, fail(fmt.Sprintf("read issue %d", pr.GetNumber()), err)
	}
	state.ClosedBy = issue.GetClosedBy().GetLogin()
	state.ByUs = sameLogin(state.ClosedBy, who.Login) && (who.App || strings.Contains(pr.GetBody(), withdrawnMarker))
	return state, nil
}

// PullRequests implements reconciler.Reviews. Of many who ask at the same time, those share an answer
// who asked before the question was sent: a list of 500 takes five requests.
func (c *Client) PullRequests(ctx context.Context) ([]reconciler.PullRequest, error) {
	const operation = "list the open pull requests"
	asked := time.Now()
	release, err := c.turns.take(ctx, "pull requests")
	if err != nil {
		return nil, fail(operation, err)
	}
	defer release()
	c.mu.Lock()
	last := c.listed
	c.mu.Unlock()
	if last.at.After(asked) {
		return slices.Clone(last.open), nil
	}
	last = openPulls{at: time.Now()}
	if last.open, err = c.pullRequests(ctx); err != nil {
		return nil, fail(operation, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listed = last
	return slices.Clone(last.open), nil
}

// openPulls are the open pull requests as they were when it was asked for them.
type openPulls struct {
	at   time.Time
	open []reconciler.PullRequest
}

func (c *Client) pullRequests(ctx context.Context) ([]reconciler.PullRequest, error) {
	who, err := c.Identity(ctx)
	if err != nil {
		return nil, err
	}
	base, err := c.watched(ctx)
	if err != nil {
		return nil, err
	}
	found, err := c.pulls(ctx, &gh.PullRequestListOptions{State: "open", Base: base}, time.Time{})
	if err != nil {
		return nil, err
	}
	open := make([]reconciler.PullRequest, 0, len(found))
	for _, pr := range found {
		open = append(open, openPull(pr, who))
	}
	return open, nil
}

// pulls lists pull requests, all pages, up to the first that was last updated before since.
func (c *Client) pulls(ctx context.Context, o *gh.PullRequestListOptions, since time.Time) ([]*gh.PullRequest, error) {
	o.PerPage = pageSize
	var all []*gh.PullRequest
	for {
		page, resp, err := c.api.PullRequests.List(ctx, c.owner, c.repo, o)
		if err != nil {
			return nil, fail("list pull requests", err)
		}
		for _, pr := range page {
			if pr.GetUpdatedAt().Before(since) {
				return all, nil
			}
			all = append(all, pr)
		}
		if resp.NextPage == 0 {
			return all, nil
		}
		o.Page = resp.NextPage
	}
}

// isOurs tells whether we opened a pull request as a proposal. An App opens nothing else; with a
// person's token, the marker tells the two apart.
func isOurs(pr *gh.PullRequest, who Identity) bool {
	if fromFork(pr) || !sameLogin(pr.GetUser().GetLogin(), who.Login) {
		return false
	}
	_, marked := proposalDigest(pr.GetBody())
	return who.App || marked
}
