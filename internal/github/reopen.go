package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v60/github"
)

// reopen opens the newest pull request from a branch again, if we closed it ourselves, and returns it with what
// the branch has then; nil if there is none, or if GitHub refuses. What a person merged or closed stays as it is.
//
// GitHub reopens a pull request only while its branch is there and has the commit that it had when it was
// closed, or descends from it; else it answers 422 with "state cannot be changed. The … branch was force-pushed or
// recreated", or "has been deleted" (it gave the reason in github.com/isaacs/github/issues/361). The commit is kept for
// ever, at refs/pull/N/head, so that the branch is made again at it first, and brought up to date by the caller.
func (c *Client) reopen(ctx context.Context, who Identity, branch string, have branchHead) (*gh.PullRequest, branchHead, error) {
	pr, err := c.closedByUs(ctx, who, branch)
	if pr == nil || err != nil {
		return nil, have, err
	}
	if have.sha == "" {
		err := c.moveBranch(ctx, branch, "", pr.GetHead().GetSHA())
		if refused(err) {
			return nil, have, nil
		}
		if err != nil {
			return nil, have, err
		}
		if have, err = c.branchHead(ctx, who, branch); err != nil {
			return nil, have, err
		}
	}
	again, _, err := c.api.PullRequests.Edit(ctx, c.owner, c.repo, pr.GetNumber(), &gh.PullRequest{State: new("open")})
	if refused(err) {
		return nil, have, nil
	}
	if err != nil {
		return nil, have, fail(fmt.Sprintf("reopen pull request %d", pr.GetNumber()), err)
	}
	return again, have, nil
}

// backAgain says on a pull request that was withdrawn and is open again why it is. The marker in its body, which
// is rewritten after this, keeps that from being forgotten.
func (c *Client) backAgain(ctx context.Context, who Identity, pr *gh.PullRequest) error {
	if pr == nil || !strings.Contains(pr.GetBody(), withdrawnMarker) {
		return nil
	}
	return c.setComment(ctx, who, pr.GetNumber(), withdrawnKey,
		"What this is about was gone, and it is back. So the pull request is open again, with what is there now.")
}

// closedByUs is the newest pull request from a branch, if we opened it and closed it, or nil.
func (c *Client) closedByUs(ctx context.Context, who Identity, branch string) (*gh.PullRequest, error) {
	found, _, err := c.api.PullRequests.List(ctx, c.owner, c.repo, &gh.PullRequestListOptions{
		State: "closed", Head: c.owner + ":" + branch, Sort: "created", Direction: "desc",
	})
	if err != nil {
		return nil, fail("look for its closed pull request", err)
	}
	for _, pr := range found {
		if pr.GetHead().GetRef() != branch || fromFork(pr) {
			continue
		}
		if !isOurs(pr, who) {
			return nil, nil
		}
		state, err := c.proposalState(ctx, who, pr)
		if err != nil || state.State != "closed" || !state.ByUs {
			return nil, err
		}
		return pr, nil
	}
	return nil, nil
}

// refused tells whether GitHub said that a request makes no sense as things are.
func refused(err error) bool { return statusOf(err) == http.StatusUnprocessableEntity }
