package github_test

import (
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// A merged pull request is found by the commit that it became on the watched branch, however it was merged: the
// merge, the one commit of a squash, or the last of those that a rebase wrote anew. Its own head is in the branch
// after a merge alone.
func TestAMergeIsFoundHoweverItWasMade(t *testing.T) {
	for _, method := range []string{"merge", "squash", "rebase"} {
		t.Run(method, func(t *testing.T) {
			s := newStory(t)
			pull := s.openPull()
			s.commit(s.ann, "feature", "README.md", "Two commits, so that a rebase writes two.\n", nil)
			s.commit(s.ann, "main", "elsewhere.md", "And main has moved.\n", nil)
			_, _, err := s.ann.PullRequests.Merge(s.ctx, owner, repo, pull.GetNumber(), "", &gh.PullRequestOptions{MergeMethod: method})
			s.check(err)
			merges, err := s.forge.Merges(s.ctx, time.Now().Add(-time.Hour))
			s.check(err)
			if len(merges) != 1 || merges[0].Number != pull.GetNumber() || string(merges[0].Commit) != s.tip("main") || merges[0].Ours {
				t.Errorf("%+v, and main is at %s", merges, s.tip("main"))
			}
		})
	}
}
