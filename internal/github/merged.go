package github

import (
	"context"
	"fmt"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/reconciler"
)

var _ reconciler.Witness = (*Client)(nil)

// Merges implements reconciler.Reviews.
func (c *Client) Merges(ctx context.Context, since time.Time) ([]reconciler.Merge, error) {
	who, err := c.Identity(ctx)
	if err != nil {
		return nil, err
	}
	base, err := c.watched(ctx)
	if err != nil {
		return nil, err
	}
	closed, err := c.pulls(ctx, &gh.PullRequestListOptions{State: "closed", Base: base, Sort: "updated", Direction: "desc"}, since)
	if err != nil {
		return nil, fail("list the merged pull requests", err)
	}
	var merges []reconciler.Merge
	for _, pr := range closed {
		if pr.GetMergedAt().After(since) {
			merges = append(merges, reconciler.Merge{
				Number: pr.GetNumber(), Title: pr.GetTitle(), Author: pr.GetUser().GetLogin(), Merged: pr.GetMergedAt().UTC(),
				Commit: reconciler.Commit(pr.GetMergeCommitSHA()), Head: reconciler.Commit(pr.GetHead().GetSHA()), Ours: isOurs(pr, who),
			})
		}
	}
	return merges, nil
}

// Groups implements reconciler.Reviews. The branches of a merge queue have a prefix of their own.
// https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/configuring-pull-request-merges/managing-a-merge-queue
func (c *Client) Groups(ctx context.Context) ([]reconciler.Group, error) {
	watched, err := c.watched(ctx)
	if err != nil {
		return nil, err
	}
	prefix := "heads/gh-readonly-queue/" + watched
	o := &gh.ReferenceListOptions{Ref: prefix, ListOptions: gh.ListOptions{PerPage: pageSize}}
	refs, _, err := c.api.Git.ListMatchingRefs(ctx, c.owner, c.repo, o)
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fail("list the merge queue of "+watched, err)
	}
	var groups []reconciler.Group
	for _, ref := range refs { // those of main come with those of maintenance
		if strings.HasPrefix(ref.GetRef(), "refs/"+prefix+"/") {
			groups = append(groups, reconciler.Group{Ref: ref.GetRef(), Head: reconciler.Commit(ref.GetObject().GetSHA())})
		}
	}
	return groups, nil
}

// A Merged is a pull request that was merged.
type Merged struct {
	Number   int       `json:"number"`
	Title    string    `json:"title"`
	URL      string    `json:"url"`
	Author   string    `json:"author"`
	MergedBy string    `json:"merged_by,omitempty"`
	MergedAt time.Time `json:"merged_at"`
	Commit   string    `json:"commit"`             // what the merge made on the watched branch
	Approved []string  `json:"approved,omitempty"` // the logins whose last review approves it
}

// MergedAs returns the merged pull request that a commit of the watched branch came with. False if it came
// with none, as a direct push does.
// https://docs.github.com/en/rest/commits/commits#list-pull-requests-associated-with-a-commit
func (c *Client) MergedAs(ctx context.Context, commit string) (Merged, bool, error) {
	list, _, err := c.api.PullRequests.ListPullRequestsWithCommit(ctx, c.owner, c.repo, commit, &gh.ListOptions{PerPage: pageSize})
	if gone(err) {
		return Merged{}, false, nil
	}
	if err != nil {
		return Merged{}, false, fail("ask which pull request brought "+commit, err)
	}
	for _, pull := range list {
		if !pull.GetMergedAt().IsZero() && pull.GetMergeCommitSHA() == commit {
			merged, err := c.Merged(ctx, pull.GetNumber())
			return merged, err == nil, err
		}
	}
	return Merged{}, false, nil
}

// Merged returns a merged pull request. It is an error if it isn't merged.
func (c *Client) Merged(ctx context.Context, number int) (Merged, error) {
	pull, _, err := c.api.PullRequests.Get(ctx, c.owner, c.repo, number)
	if err != nil {
		return Merged{}, fail(fmt.Sprintf("read pull request %d", number), err)
	}
	if !pull.GetMerged() {
		return Merged{}, fmt.Errorf("pull request %d is %s and was not merged: nothing was written for it", number, pull.GetState())
	}
	m := Merged{
		Number: number, Title: pull.GetTitle(), URL: pull.GetHTMLURL(), Author: pull.GetUser().GetLogin(),
		MergedBy: pull.GetMergedBy().GetLogin(), MergedAt: pull.GetMergedAt().Time, Commit: pull.GetMergeCommitSHA(),
	}
	m.Approved, err = c.approvers(ctx, number)
	return m, err
}

// approvers are those whose last review that decides something approves.
func (c *Client) approvers(ctx context.Context, number int) ([]string, error) {
	given, err := c.approvals(ctx, number)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, a := range given {
		out = append(out, a.By)
	}
	return out, nil
}

// Passed implements reconciler.Witness. A list of pull requests doesn't say who merged them.
// https://docs.github.com/en/rest/pulls/pulls#get-a-pull-request
func (c *Client) Passed(ctx context.Context, number int) (by string, given []reconciler.Approval, err error) {
	pull, _, err := c.api.PullRequests.Get(ctx, c.owner, c.repo, number)
	if err != nil {
		return "", nil, fail(fmt.Sprintf("read pull request %d", number), err)
	}
	given, err = c.approvals(ctx, number)
	return pull.GetMergedBy().GetLogin(), given, err
}

// approvals are the last words of those who approve, in the order of their first. A review that only
// comments takes nothing back; one that was dismissed counts for nothing any more.
// https://docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request
func (c *Client) approvals(ctx context.Context, number int) ([]reconciler.Approval, error) {
	last := map[string]*gh.PullRequestReview{}
	var order []string
	o := &gh.ListOptions{PerPage: pageSize}
	for {
		page, resp, err := c.api.PullRequests.ListReviews(ctx, c.owner, c.repo, number, o)
		if err != nil {
			return nil, fail(fmt.Sprintf("list the reviews of pull request %d", number), err)
		}
		for _, review := range page {
			login, state := review.GetUser().GetLogin(), review.GetState()
			if state != "APPROVED" && state != "CHANGES_REQUESTED" && state != "DISMISSED" {
				continue
			}
			if last[login] == nil {
				order = append(order, login)
			}
			last[login] = review
		}
		if resp.NextPage == 0 {
			break
		}
		o.Page = resp.NextPage
	}
	var out []reconciler.Approval
	for _, login := range order {
		if r := last[login]; r.GetState() == "APPROVED" {
			out = append(out, reconciler.Approval{By: login, Head: reconciler.Commit(r.GetCommitID()), At: r.GetSubmittedAt().UTC()})
		}
	}
	return out, nil
}
