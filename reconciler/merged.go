package reconciler

import (
	"context"
	"time"
)

// A Merge is a pull request that became part of the watched branch.
type Merge struct {
	Number int
	Title  string
	Author string
	Merged time.Time
	Commit Commit // what the merge made; of several commits that came one by one, the last
	Head   Commit // what the pull request's branch was at
	Ours   bool   // Tenantry opened it
}

const (
	// stateTold is where State keeps the newest commit whose pull requests were told how it ended.
	stateTold = "told"
	// keyResult is the key of the comment that says what became of a merged pull request.
	keyResult = "result"
	// recentMerges is how far back merges are looked for: longer than a fleet takes to converge.
	recentMerges = 14 * 24 * time.Hour
	// mostTold bounds the comments for one commit. Whoever merges more at once looks at the commit.
	mostTold = 20
)

// between tells whether a commit is part of a newer one and not yet of an older one.
func (d *Daemon) between(ctx context.Context, older, commit, newer Commit) (bool, error) {
	within, err := d.Source.Ancestor(ctx, commit, newer)
	if err != nil || !within {
		return false, err
	}
	before, err := d.Source.Ancestor(ctx, commit, older)
	return !before, err
}
