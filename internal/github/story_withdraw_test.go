package github_test

import (
	"strings"
	"testing"

	githubbox "tenantry.dev/internal/sandbox/github"
	"tenantry.dev/reconciler"
)

func TestWithdraw(t *testing.T) {
	s := newStory(t)
	s.propose(drift("1"))
	s.check(s.forge.Withdraw(s.ctx, drift("").Branch, "The drift is gone."))

	pr := s.onlyPull("closed")
	if s.tip(drift("").Branch) != "" {
		t.Error("the branch is still there")
	}
	comments := s.comments(pr.GetNumber())
	if len(comments) != 1 || !strings.Contains(comments[0].GetBody(), "The drift is gone.") {
		t.Errorf("%d comments", len(comments))
	}
	for range 2 {
		if n := s.writes(func() { s.check(s.forge.Withdraw(s.ctx, drift("").Branch, "again")) }); n != 0 {
			t.Errorf("%d writes to withdraw nothing", n)
		}
	}
	s.propose(drift("1"))
	if len(s.pulls("open")) != 1 {
		t.Error("it can't be proposed again")
	}
}

func TestWithdrawAfterAPersonClosed(t *testing.T) {
	s := newStory(t)
	s.propose(drift("1"))
	number := s.onlyPull("open").GetNumber()
	s.closeAs(s.ann, number)
	s.check(s.forge.Withdraw(s.ctx, drift("").Branch, "The drift is gone."))
	if s.tip(drift("").Branch) != "" {
		t.Error("the branch is still there")
	}
	if len(s.comments(number)) != 0 {
		t.Error("a closed pull request got a comment")
	}
}

func TestWithdrawKeepsAPersonsCommits(t *testing.T) {
	s := newStory(t)
	s.propose(drift("1"))
	theirs := s.commit(s.ann, drift("").Branch, tenant, "by hand\n", nil)
	s.check(s.forge.Withdraw(s.ctx, drift("").Branch, "The drift is gone."))
	pr := s.onlyPull("closed")
	if s.tip(drift("").Branch) != theirs {
		t.Error("ann's commit is gone")
	}
	if comments := s.comments(pr.GetNumber()); len(comments) != 1 || !strings.Contains(comments[0].GetBody(), "The branch stays") {
		t.Errorf("%v", comments)
	}
	_, err := s.forge.Propose(s.ctx, drift("2"))
	s.want(err, reconciler.ErrTouched)
}

func TestLostAnswersOfWithdraw(t *testing.T) {
	for k := range 30 {
		s := newStory(t)
		s.propose(drift("1"))
		s.server.Inject(githubbox.Fault{Skip: k, Count: 1, LoseAnswer: true})
		if err := s.forge.Withdraw(s.ctx, drift("").Branch, "The drift is gone."); err == nil {
			if k < 6 {
				t.Errorf("only %d requests", k)
			}
			return
		}
		s.server.ClearFaults()
		s.check(s.forge.Withdraw(s.ctx, drift("").Branch, "The drift is gone."))
		pr := s.onlyPull("closed")
		if n := len(s.comments(pr.GetNumber())); n != 1 || s.tip(drift("").Branch) != "" {
			t.Errorf("answer %d lost: %d comments, branch at %q", k, n, s.tip(drift("").Branch))
		}
	}
}
