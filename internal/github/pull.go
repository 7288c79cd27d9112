package github

import (
	"context"
	"fmt"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/reconciler"
)

// PullRequest implements reconciler.Reviews, with one request.
func (c *Client) PullRequest(ctx context.Context, number int) (reconciler.PullRequest, bool, error) {
	operation := fmt.Sprintf("read pull request %d", number)
	who, err := c.Identity(ctx)
	if err != nil {
		return reconciler.PullRequest{}, false, fail(operation, err)
	}
	base, err := c.watched(ctx)
	if err != nil {
		return reconciler.PullRequest{}, false, fail(operation, err)
	}
	pr, _, err := c.api.PullRequests.Get(ctx, c.owner, c.repo, number)
	switch {
	case gone(err):
		return reconciler.PullRequest{}, false, nil
	case err != nil:
		return reconciler.PullRequest{}, false, fail(operation, err)
	case pr.GetState() != "open" || pr.GetBase().GetRef() != base:
		return reconciler.PullRequest{}, false, nil
	}
	return openPull(pr, who), true, nil
}

func openPull(pr *gh.PullRequest, who Identity) reconciler.PullRequest {
	return reconciler.PullRequest{
		Number: pr.GetNumber(),
		Title:  pr.GetTitle(),
		Author: pr.GetUser().GetLogin(),
		Branch: pr.GetHead().GetRef(),
		Head:   reconciler.Commit(pr.GetHead().GetSHA()),
		Base:   reconciler.Commit(pr.GetBase().GetSHA()),
		Fork:   fromFork(pr),
		Ours:   isOurs(pr, who),
	}
}
