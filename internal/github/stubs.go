package github

import (
	"context"
	"time"

	"tenantry.dev/reconciler"
)

func (c *Client) Propose(ctx context.Context, p reconciler.Proposal) (string, error) { return "", nil }
func (c *Client) Withdraw(ctx context.Context, branch, reason string) error { return nil }
func (c *Client) Proposals(ctx context.Context, prefix string, since time.Time) ([]reconciler.ProposalState, error) {
	return nil, nil
}
func (c *Client) PullRequests(ctx context.Context) ([]reconciler.PullRequest, error) { return nil, nil }
func (c *Client) Check(ctx context.Context, k reconciler.Check) error                    { return nil }
func (c *Client) Comment(ctx context.Context, number int, key, body string) error        { return nil }
