package github_test

import (
	"testing"

	gh "github.com/google/go-github/v60/github"

	githubbox "tenantry.dev/internal/sandbox/github"
)

func TestMerged(t *testing.T) {
	s := newStory(t)
	s.server.AddPerson(githubbox.Person{Login: "bea", Name: "Bea", Email: "bea@example.com", Token: "ghp_bea"})
	bea := s.person("ghp_bea")
	before := s.tip("main")
	pull := s.openPull()
	if _, err := s.forge.Merged(s.ctx, pull.GetNumber()); err == nil {
		t.Error("an open pull request counts as merged")
	}
	for _, event := range []string{"REQUEST_CHANGES", "APPROVE", "COMMENT"} {
		_, _, err := bea.PullRequests.CreateReview(s.ctx, owner, repo, pull.GetNumber(), &gh.PullRequestReviewRequest{Event: &event, Body: new("so")})
		s.check(err)
	}
	_, _, err := s.ann.PullRequests.Merge(s.ctx, owner, repo, pull.GetNumber(), "", nil)
	s.check(err)
	m, ok, err := s.forge.MergedAs(s.ctx, s.tip("main"))
	s.check(err)
	if !ok || m.Number != pull.GetNumber() || m.Author != "ann" || m.MergedBy != "ann" || m.Commit != s.tip("main") {
		t.Errorf("%v %+v", ok, m)
	}
	if len(m.Approved) != 1 || m.Approved[0] != "bea" {
		t.Errorf("approved by %v", m.Approved)
	}
	if m, ok, err := s.forge.MergedAs(s.ctx, before); ok || err != nil {
		t.Errorf("the commit before came with %+v, %v", m, err)
	}
}

func TestGroups(t *testing.T) {
	s := newStory(t)
	if got, err := s.forge.Groups(s.ctx); err != nil || len(got) > 0 {
		t.Errorf("%v %v", got, err)
	}
	tip := s.tip("main")
	for _, name := range []string{"heads/gh-readonly-queue/main/pr-7-" + tip, "heads/gh-readonly-queue/maintenance/pr-8-" + tip, "heads/feature"} {
		_, _, err := s.ann.Git.CreateRef(s.ctx, owner, repo, &gh.Reference{Ref: new("refs/" + name), Object: &gh.GitObject{SHA: &tip}})
		s.check(err)
	}
	got, err := s.forge.Groups(s.ctx)
	s.check(err)
	if len(got) != 1 || got[0].Ref != "refs/heads/gh-readonly-queue/main/pr-7-"+tip || string(got[0].Head) != tip {
		t.Errorf("%+v", got)
	}
}
