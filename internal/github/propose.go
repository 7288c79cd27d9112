package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/reconciler"
)

// Propose implements reconciler.Forge. The branch has one commit on top of the watched branch,
// made through the Git Data API without an author, so that GitHub signs it for an App. It is
// rebuilt when the digest differs or when it no longer merges; title and body follow in any case,
// labels are added and never removed. What returns is opened again if we closed it. Nothing that differs from the watched branch is
// ErrNoDifference, and a pull request that somebody else opened from the branch is ErrTouched.
//
// GitHub's REST interface has no conditional forced update of a branch. The branch is read again
// right before it is moved, which leaves the time of one request in which a person's push could
// still be lost from the branch.
func (c *Client) Propose(ctx context.Context, p reconciler.Proposal) (url string, err error) {
	operation := "propose " + p.Branch
	if err := c.proposable(ctx, p); err != nil {
		return "", fail(operation, err)
	}
	release, err := c.hold(ctx)
	if err != nil {
		return "", fail(operation, err)
	}
	defer release()
	url, err = c.propose(ctx, p)
	return url, fail(operation, err)
}

// proposable refuses what must not or can't be proposed.
func (c *Client) proposable(ctx context.Context, p reconciler.Proposal) error {
	if !markerWord.MatchString(p.Digest) {
		return fmt.Errorf("the digest %q can't be kept in a commit message", p.Digest)
	}
	if oneLine(p.Title, titleLimit) == "" {
		return errors.New("it has no title")
	}
	return c.notWatched(ctx, p.Branch)
}

// notWatched refuses to write to the branch that everything else follows.
func (c *Client) notWatched(ctx context.Context, branch string) error {
	base, err := c.watched(ctx)
	if err != nil {
		return err
	}
	if branch == "" || branch == base {
		return fmt.Errorf("branch %q is not for proposals", branch)
	}
	return nil
}

func (c *Client) propose(ctx context.Context, p reconciler.Proposal) (url string, err error) {
	who, err := c.Identity(ctx)
	if err != nil {
		return "", err
	}
	pr, err := c.openFrom(ctx, p.Branch)
	if err != nil {
		return "", err
	}
	if pr != nil && !sameLogin(pr.GetUser().GetLogin(), who.Login) {
		return "", fmt.Errorf("%w, and opened pull request %d from it", reconciler.ErrTouched, pr.GetNumber())
	}
	have, err := c.branchHead(ctx, who, p.Branch)
	if err != nil {
		return "", err
	}
	if have.touched {
		return "", reconciler.ErrTouched
	}
	if pr == nil && p.Returns {
		if pr, have, err = c.reopen(ctx, who, p.Branch, have); err != nil {
			return "", err
		}
	}
	if err := c.backAgain(ctx, who, pr); err != nil {
		return "", err
	}
	current := have.digest == p.Digest
	if current && pr != nil {
		if current, err = c.merges(ctx, pr.GetNumber()); err != nil {
			return "", err
		}
	}
	if !current {
		if err := c.rebuild(ctx, have.sha, p); err != nil {
			return "", err
		}
	}
	pr, err = c.setPull(ctx, pr, p)
	if err != nil {
		return "", err
	}
	return pr.GetHTMLURL(), c.addLabels(ctx, pr, p.Labels)
}

// openFrom returns the open pull request from a branch of this repository, or nil.
func (c *Client) openFrom(ctx context.Context, branch string) (*gh.PullRequest, error) {
	found, _, err := c.api.PullRequests.List(ctx, c.owner, c.repo, &gh.PullRequestListOptions{
		State: "open", Head: c.owner + ":" + branch,
	})
	if err != nil {
		return nil, fail("look for its pull request", err)
	}
	for _, pr := range found {
		if pr.GetHead().GetRef() == branch && !fromFork(pr) {
			return pr, nil
		}
	}
	return nil, nil
}

// merges tells whether a pull request can still be merged. While GitHub is finding out, it can.
func (c *Client) merges(ctx context.Context, number int) (bool, error) {
	pr, _, err := c.api.PullRequests.Get(ctx, c.owner, c.repo, number)
	if err != nil {
		return false, fail(fmt.Sprintf("read pull request %d", number), err)
	}
	return pr.Mergeable == nil || pr.GetMergeable(), nil
}

// setPull creates the pull request, or brings title and body of the existing one up to date.
func (c *Client) setPull(ctx context.Context, pr *gh.PullRequest, p reconciler.Proposal) (*gh.PullRequest, error) {
	title, body := oneLine(p.Title, titleLimit), proposalBody(p.Body, p.Digest)
	if pr == nil {
		base, err := c.watched(ctx)
		if err != nil {
			return nil, err
		}
		made, _, err := c.api.PullRequests.Create(ctx, c.owner, c.repo, &gh.NewPullRequest{
			Title: &title, Body: &body, Head: &p.Branch, Base: &base,
		})
		switch {
		case says(err, "No commits between"):
			return nil, ErrNoDifference
		case says(err, "already exists"): // opened since we looked, or by a request whose answer got lost
			if pr, err = c.openFrom(ctx, p.Branch); err != nil {
				return nil, err
			}
			if pr == nil {
				return nil, errors.New("open its pull request: GitHub says that it exists and doesn't list it")
			}
		case err != nil:
			return nil, fail("open its pull request", err)
		default:
			return made, nil
		}
	}
	if pr.GetTitle() == title && sameText(pr.GetBody(), body) {
		return pr, nil
	}
	pr, _, err := c.api.PullRequests.Edit(ctx, c.owner, c.repo, pr.GetNumber(), &gh.PullRequest{Title: &title, Body: &body})
	if err != nil {
		return nil, fail("edit its pull request", err)
	}
	return pr, nil
}

// addLabels adds the labels that are missing. GitHub makes labels that the repository lacks.
func (c *Client) addLabels(ctx context.Context, pr *gh.PullRequest, labels []string) error {
	var missing []string
	for _, label := range labels {
		has := slices.ContainsFunc(pr.Labels, func(l *gh.Label) bool { return strings.EqualFold(l.GetName(), label) })
		if !has && !slices.Contains(missing, label) {
			missing = append(missing, label)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, _, err := c.api.Issues.AddLabelsToIssue(ctx, c.owner, c.repo, pr.GetNumber(), missing)
	return fail("label its pull request", err)
}

// says tells whether GitHub refused a request as invalid (422) with these words.
func says(err error, words string) bool {
	var answer *gh.ErrorResponse
	if !errors.As(err, &answer) || answer.Response == nil || answer.Response.StatusCode != http.StatusUnprocessableEntity {
		return false
	}
	return strings.Contains(answer.Message, words) ||
		slices.ContainsFunc(answer.Errors, func(e gh.Error) bool { return strings.Contains(e.Message, words) })
}

// fromFork tells whether a pull request's head is in another repository, or in one that is gone.
func fromFork(pr *gh.PullRequest) bool {
	head, base := pr.GetHead().GetRepo(), pr.GetBase().GetRepo()
	return head == nil || head.GetID() != base.GetID()
}
