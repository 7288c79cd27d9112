package github_test

import (
	"testing"
	"time"

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

// However GitHub merges, the commit that it made is known, and who let it in, with the version that each said yes to.
func TestWhoLetItIn(t *testing.T) {
	for _, method := range []string{"merge", "squash", "rebase"} {
		t.Run(method, func(t *testing.T) {
			s := newStory(t)
			for _, login := range []string{"bea", "cy", "di"} {
				s.server.AddPerson(githubbox.Person{Login: login, Name: login, Token: "ghp_" + login, Email: login + "@example.com"})
			}
			pull := s.openPull()
			n, first := pull.GetNumber(), pull.GetHead().GetSHA()
			review := func(login, event string) {
				_, _, err := s.person("ghp_"+login).PullRequests.CreateReview(s.ctx, owner, repo, n, &gh.PullRequestReviewRequest{Event: &event, Body: new("so")})
				s.check(err)
			}
			review("bea", "APPROVE")
			review("di", "APPROVE")
			s.commit(s.ann, "feature", "tenants/more.cue", "name: \"more\"\n", nil)
			review("cy", "APPROVE")
			review("di", "REQUEST_CHANGES")
			_, _, err := s.ann.PullRequests.Merge(s.ctx, owner, repo, n, "", &gh.PullRequestOptions{MergeMethod: method})
			s.check(err)
			list, err := s.forge.Merges(s.ctx, time.Time{})
			s.check(err)
			if len(list) != 1 || string(list[0].Commit) != s.tip("main") || list[0].Author != "ann" || list[0].Title != pull.GetTitle() || list[0].Merged.IsZero() {
				t.Fatalf("%+v", list)
			}
			by, given, err := s.forge.Passed(s.ctx, n)
			s.check(err)
			if by != "ann" || len(given) != 2 || given[0].By != "bea" || string(given[0].Head) != first || given[1].By != "cy" || given[1].Head != list[0].Head || given[1].At.IsZero() {
				t.Errorf("merged by %s, approved %+v; the first version was %s, the last %s", by, given, first, list[0].Head)
			}
		})
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
