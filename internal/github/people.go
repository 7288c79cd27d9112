package github

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/reconciler"
)

// Commands implements reconciler.Comments: the commands in new comments on pull requests, which
// webhooks may have missed. As with webhooks, edited comments and those of bots are none.
func (c *Client) Commands(ctx context.Context, since time.Time) ([]reconciler.Command, error) {
	o := &gh.IssueListCommentsOptions{
		Sort: new("created"), Direction: new("asc"), Since: &since,
		ListOptions: gh.ListOptions{PerPage: pageSize},
	}
	var commands []reconciler.Command
	for {
		page, resp, err := c.api.Issues.ListComments(ctx, c.owner, c.repo, 0, o)
		if err != nil {
			return nil, fail("list new comments", err)
		}
		for _, comment := range page {
			if command, ok := commandOf(comment); ok && !command.At.Before(since) {
				commands = append(commands, command)
			}
		}
		if resp.NextPage == 0 {
			return commands, nil
		}
		o.Page = resp.NextPage
	}
}

// Command implements reconciler.Comments.
func (c *Client) Command(ctx context.Context, id int64) (reconciler.Command, bool, error) {
	comment, _, err := c.api.Issues.GetComment(ctx, c.owner, c.repo, id)
	if gone(err) {
		return reconciler.Command{}, false, nil
	}
	if err != nil {
		return reconciler.Command{}, false, fail(fmt.Sprintf("read comment %d", id), err)
	}
	command, ok := commandOf(comment)
	return command, ok, nil
}

// commandOf reads the command that a comment holds. An edited one holds none, since somebody else
// may have edited it. GitHub's times are whole seconds, so that an edit within the comment's first
// second doesn't show; a reaction doesn't count as an edit.
func commandOf(comment *gh.IssueComment) (reconciler.Command, bool) {
	user := comment.GetUser()
	edited := comment.GetUpdatedAt().After(comment.GetCreatedAt().Time)
	if edited || isBot(user.GetType(), user.GetLogin()) || !strings.Contains(comment.GetHTMLURL(), "/pull/") {
		return reconciler.Command{}, false
	}
	command, ok := ParseCommand(comment.GetBody())
	number, err := strconv.Atoi(path.Base(comment.GetIssueURL()))
	return reconciler.Command{
		Comment: comment.GetID(), Pull: number, Verb: command.Verb, Words: strings.Join(command.Args, " "), Author: user.GetLogin(), At: comment.GetCreatedAt().Time,
		Unknown: command.Unknown,
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

// React implements reconciler.Comments.
func (c *Client) React(ctx context.Context, commentID int64, reaction string) error {
	ctx = withClass(ctx, classSign)
	_, _, err := c.api.Reactions.CreateIssueCommentReaction(ctx, c.owner, c.repo, commentID, reaction)
	if gone(err) {
		return nil
	}
	return fail(fmt.Sprintf("react to comment %d", commentID), err)
}
