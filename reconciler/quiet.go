package reconciler

import (
	"context"
	"time"
)

// Quiet is the forge of a daemon that has none: it takes everything and says nothing. The log
// still has what would have been said.
type Quiet struct{}

// Propose does nothing.
func (Quiet) Propose(context.Context, Proposal) (string, error) { return "", nil }

// Withdraw does nothing.
func (Quiet) Withdraw(context.Context, string, string) error { return nil }

// Proposals returns none.
func (Quiet) Proposals(context.Context, string, time.Time) ([]ProposalState, error) { return nil, nil }

// PullRequests returns none.
func (Quiet) PullRequests(context.Context) ([]PullRequest, error) { return nil, nil }

// PullRequest finds none.
func (Quiet) PullRequest(context.Context, int) (PullRequest, bool, error) {
	return PullRequest{}, false, nil
}

// Merges returns none.
func (Quiet) Merges(context.Context, time.Time) ([]Merge, error) { return nil, nil }

// Groups returns none.
func (Quiet) Groups(context.Context) ([]Group, error) { return nil, nil }

// Check does nothing.
func (Quiet) Check(context.Context, Check) error { return nil }

// Comment does nothing.
func (Quiet) Comment(context.Context, int, string, string) error { return nil }

// MayWrite says no.
func (Quiet) MayWrite(context.Context, string) (bool, error) { return false, nil }

// Commands returns none.
func (Quiet) Commands(context.Context, time.Time) ([]Command, error) { return nil, nil }

// Command finds none.
func (Quiet) Command(context.Context, int64) (Command, bool, error) { return Command{}, false, nil }

// React does nothing.
func (Quiet) React(context.Context, int64, string) error { return nil }

// Files returns none.
func (Quiet) Files(context.Context, int) ([]string, error) { return nil, nil }
