package github

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// Commands returns the commands that people wrote in new comments on pull requests since a time,
// the oldest first. It finds what webhooks missed; the caller knows a command by its CommentID.
// As with webhooks, edited comments and those of bots are none.
func (c *Client) Commands(ctx context.Context, since time.Time) ([]Event, error) {
	o := &gh.IssueListCommentsOptions{
		Sort: new("created"), Direction: new("asc"), Since: &since,
		ListOptions: gh.ListOptions{PerPage: pageSize},
	}
	var events []Event
	for {
		page, resp, err := c.api.Issues.ListComments(ctx, c.owner, c.repo, 0, o)
		if err != nil {
			return nil, fail("list new comments", err)
		}
		for _, comment := range page {
			if e, ok := commandOf(comment, since); ok {
				events = append(events, e)
			}
		}
		if resp.NextPage == 0 {
			return events, nil
		}
		o.Page = resp.NextPage
	}
}

// commandOf makes an event of a comment that holds a command.
func commandOf(comment *gh.IssueComment, since time.Time) (Event, bool) {
	user := comment.GetUser()
	edited := comment.GetUpdatedAt().After(comment.GetCreatedAt().Time)
	if edited || comment.GetCreatedAt().Before(since) || isBot(user.GetType(), user.GetLogin()) ||
		!strings.Contains(comment.GetHTMLURL(), "/pull/") {
		return Event{}, false
	}
	command, ok := ParseCommand(comment.GetBody())
	number, err := strconv.Atoi(path.Base(comment.GetIssueURL()))
	return Event{
		Kind: Comment, Action: "created", Number: number, Sender: user.GetLogin(),
		CommentID: comment.GetID(), Command: command,
	}, ok && err == nil
}

// Permission returns what a person may do in the repository: "admin", "write", "read" or "none".
// Anybody can comment on a public repository, so a command is obeyed only after asking.
func (c *Client) Permission(ctx context.Context, login string) (string, error) {
	level, _, err := c.api.Repositories.GetPermissionLevel(ctx, c.owner, c.repo, login)
	if gone(err) {
		return "none", nil
	}
	if err != nil {
		return "", fail("ask what "+login+" may do", err)
	}
	return level.GetPermission(), nil
}

// MayWrite implements reconciler.Reviews.
func (c *Client) MayWrite(ctx context.Context, login string) (bool, error) {
	permission, err := c.Permission(ctx, login)
	return permission == "admin" || permission == "write", err
}

// React puts a reaction on a comment, such as "eyes" or "+1". Repeating it changes nothing, and a
// comment that is gone needs none.
func (c *Client) React(ctx context.Context, commentID int64, reaction string) error {
	_, _, err := c.api.Reactions.CreateIssueCommentReaction(ctx, c.owner, c.repo, commentID, reaction)
	if gone(err) {
		return nil
	}
	return fail(fmt.Sprintf("react to comment %d", commentID), err)
}
