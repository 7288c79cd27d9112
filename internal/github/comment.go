package github

import (
	"context"
	"fmt"
	"strings"

	gh "github.com/google/go-github/v60/github"
)

const commentsRemembered = 2048

// Comment implements reconciler.Reviews. Our comment is known by the hidden marker in its first
// line and by its author: a marker that somebody else wrote is not looked at. An equal comment is
// left alone, one that was deleted is made again, and copies of ours are removed.
func (c *Client) Comment(ctx context.Context, number int, key, body string) error {
	operation := fmt.Sprintf("comment on pull request %d", number)
	if !markerWord.MatchString(key) {
		return fail(operation, fmt.Errorf("the key %q can't be kept in a comment", key))
	}
	release, err := c.turns.take(ctx, "comment "+commentName(number, key))
	if err != nil {
		return fail(operation, err)
	}
	defer release()
	ctx = withClass(ctx, classAnswer)
	who, err := c.Identity(ctx)
	if err != nil {
		return fail(operation, err)
	}
	return fail(operation, c.setComment(ctx, who, number, key, body))
}

// setComment does it. Its caller holds the turn.
func (c *Client) setComment(ctx context.Context, who Identity, number int, key, body string) error {
	want := commentMarker(key) + "\n" + cut(strings.TrimSpace(body), bodyLimit)
	have, err := c.findComment(ctx, who, number, key)
	if err != nil {
		return err
	}
	if have != nil {
		if sameText(have.GetBody(), want) {
			return nil
		}
		_, _, err := c.api.Issues.EditComment(ctx, c.owner, c.repo, have.GetID(), &gh.IssueComment{Body: &want})
		if !gone(err) {
			return fail("edit the comment", err)
		}
		c.rememberComment(number, key, 0)
	}
	made, _, err := c.api.Issues.CreateComment(ctx, c.owner, c.repo, number, &gh.IssueComment{Body: &want})
	if err != nil {
		return fail("make the comment", err)
	}
	c.rememberComment(number, key, made.GetID())
	return nil
}

// findComment returns our comment with this key, or nil. It asks for the one that it remembers,
// since lists can lag behind, and reads the list otherwise.
func (c *Client) findComment(ctx context.Context, who Identity, number int, key string) (*gh.IssueComment, error) {
	if id := c.rememberedComment(number, key); id != 0 {
		have, _, err := c.api.Issues.GetComment(ctx, c.owner, c.repo, id)
		switch {
		case err == nil && isComment(have, who, key):
			return have, nil
		case err != nil && !gone(err):
			return nil, fail("read the comment", err)
		}
		c.rememberComment(number, key, 0)
	}
	found, err := c.listComments(ctx, who, number, key)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	for _, copied := range found[1:] {
		if _, err := c.api.Issues.DeleteComment(ctx, c.owner, c.repo, copied.GetID()); err != nil && !gone(err) {
			return nil, fail("delete a second comment", err)
		}
	}
	c.rememberComment(number, key, found[0].GetID())
	return found[0], nil
}

// listComments returns all comments of ours with this key, the oldest first.
func (c *Client) listComments(ctx context.Context, who Identity, number int, key string) ([]*gh.IssueComment, error) {
	o := &gh.IssueListCommentsOptions{ListOptions: gh.ListOptions{PerPage: pageSize}}
	var ours []*gh.IssueComment
	for {
		page, resp, err := c.api.Issues.ListComments(ctx, c.owner, c.repo, number, o)
		if err != nil {
			return nil, fail("list the comments", err)
		}
		for _, comment := range page {
			if isComment(comment, who, key) {
				ours = append(ours, comment)
			}
		}
		if resp.NextPage == 0 {
			return ours, nil
		}
		o.Page = resp.NextPage
	}
}

func isComment(comment *gh.IssueComment, who Identity, key string) bool {
	first, _, _ := strings.Cut(comment.GetBody(), "\n")
	return strings.TrimSpace(first) == commentMarker(key) && sameLogin(comment.GetUser().GetLogin(), who.Login)
}

func commentName(number int, key string) string { return fmt.Sprintf("%d %s", number, key) }

func (c *Client) rememberedComment(number int, key string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.comments[commentName(number, key)]
}

// rememberComment keeps the id of a comment; 0 forgets it. What is forgotten is found by listing.
func (c *Client) rememberComment(number int, key string, id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id == 0 {
		delete(c.comments, commentName(number, key))
		return
	}
	if len(c.comments) >= commentsRemembered {
		clear(c.comments)
	}
	c.comments[commentName(number, key)] = id
}
