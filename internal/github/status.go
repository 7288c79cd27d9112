package github

import (
	"context"
	"fmt"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/reconciler"
)

// descriptionLimit is the length of a commit status' text, in characters ("REST API endpoints for
// commit statuses").
const descriptionLimit = 140

// setStatus sets a commit status in a check's stead: the verdict and the title. Annotations have
// no place there; the comment has it all.
func (c *Client) setStatus(ctx context.Context, who Identity, k reconciler.Check) error {
	state, description := stateOf(k.Conclusion), oneLine(k.Title, descriptionLimit)
	o := &gh.ListOptions{PerPage: pageSize}
	for {
		page, resp, err := c.api.Repositories.ListStatuses(ctx, c.owner, c.repo, string(k.Commit), o)
		if err != nil {
			return fail("list the statuses", err)
		}
		for _, have := range page { // the newest first
			if have.GetContext() != k.Name || !sameLogin(have.GetCreator().GetLogin(), who.Login) {
				continue
			}
			if have.GetState() == state && have.GetDescription() == description {
				return nil
			}
			return c.createStatus(ctx, k, state, description)
		}
		if resp.NextPage == 0 {
			return c.createStatus(ctx, k, state, description)
		}
		o.Page = resp.NextPage
	}
}

func (c *Client) createStatus(ctx context.Context, k reconciler.Check, state, description string) error {
	_, _, err := c.api.Repositories.CreateStatus(ctx, c.owner, c.repo, string(k.Commit), &gh.RepoStatus{
		State: &state, Context: &k.Name, Description: &description,
	})
	return fail(fmt.Sprintf("create status %s", state), err)
}

// stateOf is the state of a status that lets pass, or holds back, as the check's conclusion does.
func stateOf(conclusion string) string {
	switch conclusion {
	case "":
		return "pending"
	case "success", "neutral":
		return "success"
	case "cancelled":
		return "error"
	}
	return "failure"
}
