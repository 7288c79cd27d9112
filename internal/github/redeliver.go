package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// redeliveries bounds what one call asks to be delivered again. What is older is found by polling.
const redeliveries = 100

// Redeliver asks GitHub to deliver again the webhooks that failed since a time and weren't
// delivered by a later attempt, and returns how many. GitHub does not do so by itself. Only an App
// can ask; with a token it does nothing. What was received already is dropped by its id.
func (c *Client) Redeliver(ctx context.Context, since time.Time) (int, error) {
	if c.app == nil {
		return 0, nil
	}
	failed, err := c.failedDeliveries(ctx, since)
	if err != nil {
		return 0, err
	}
	for n, id := range failed {
		_, _, err := c.app.Apps.RedeliverHookDelivery(ctx, id)
		var accepted *gh.AcceptedError
		if err != nil && !errors.As(err, &accepted) {
			return n, fail(fmt.Sprintf("deliver webhook %d again", id), err)
		}
	}
	return len(failed), nil
}

// failedDeliveries returns the newest attempt of each delivery of which none succeeded. Those about other
// repositories that the App is installed on are the affair of whoever serves these.
func (c *Client) failedDeliveries(ctx context.Context, since time.Time) ([]int64, error) {
	attempts, err := c.attempts(ctx, since)
	if err != nil {
		return nil, err
	}
	settled := make(map[string]bool) // by GUID, which all attempts share
	for _, d := range attempts {
		if d.GetStatusCode() >= 200 && d.GetStatusCode() < 300 {
			settled[d.GetGUID()] = true
		}
	}
	// What polling can't find comes first.
	slices.SortStableFunc(attempts, func(a, b *gh.HookDelivery) int { return order(a) - order(b) })
	var failed []int64
	for _, d := range attempts {
		if !settled[d.GetGUID()] && worth(d) && !c.place.other(d.GetRepositoryID()) && len(failed) < redeliveries {
			failed = append(failed, d.GetID())
			settled[d.GetGUID()] = true
		}
	}
	return failed, nil
}

// order puts a person's wish to run a check again first: it leaves no other trace.
func order(d *gh.HookDelivery) int {
	if d.GetAction() == "rerequested" {
		return 0
	}
	return 1
}

// worth tells whether a delivery is about something that means anything to us.
func worth(d *gh.HookDelivery) bool {
	switch d.GetEvent() {
	case "check_run", "check_suite":
		return d.GetAction() == "rerequested"
	case "push", "pull_request", "issue_comment", "merge_group":
		return true
	}
	return false
}

// attempts lists what was tried to deliver since a time, the newest first.
func (c *Client) attempts(ctx context.Context, since time.Time) ([]*gh.HookDelivery, error) {
	o := &gh.ListCursorOptions{PerPage: pageSize}
	var all []*gh.HookDelivery
	for {
		page, resp, err := c.app.Apps.ListHookDeliveries(ctx, o)
		if err != nil {
			return nil, fail("list the webhook deliveries", err)
		}
		for _, d := range page {
			if d.GetDeliveredAt().Before(since) {
				return all, nil
			}
			all = append(all, d)
		}
		if resp.Cursor == "" {
			return all, nil
		}
		o.Cursor = resp.Cursor
	}
}
