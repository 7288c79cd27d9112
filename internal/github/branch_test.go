package github

import (
	"testing"

	gh "github.com/google/go-github/v60/github"
)

func TestMadeByUs(t *testing.T) {
	us := Identity{Login: "tenantry[bot]", App: true}
	for _, tt := range []struct {
		name   string
		change func(c *gh.RepositoryCommit)
		want   bool
	}{
		{"ours", func(*gh.RepositoryCommit) {}, true},
		{"ours, where GitHub doesn't sign", func(c *gh.RepositoryCommit) { c.Committer = c.Author }, true},
		{"another author", func(c *gh.RepositoryCommit) { c.Author.Login = new("ann") }, false},
		{"an author without an account", func(c *gh.RepositoryCommit) { c.Author = nil }, false},
		{"another committer", func(c *gh.RepositoryCommit) { c.Committer.Login = new("ann") }, false},
		{"a committer without an account", func(c *gh.RepositoryCommit) { c.Committer = nil }, false},
		{"another tree", func(c *gh.RepositoryCommit) { c.Commit.Tree.SHA = new("t2") }, false},
		{"a merge", func(c *gh.RepositoryCommit) { c.Parents = append(c.Parents, &gh.Commit{}) }, false},
		{"no trailers", func(c *gh.RepositoryCommit) { c.Commit.Message = new("Merge branch 'main'") }, false},
		{"trailers not at the end", func(c *gh.RepositoryCommit) {
			c.Commit.Message = new(*c.Commit.Message + "\nSigned-off-by: ann\n\nand more\n")
		}, false},
		{"no digest", func(c *gh.RepositoryCommit) { c.Commit.Message = new("x\n\nTenantry-Tree: t1\n") }, false},
	} {
		commit := &gh.RepositoryCommit{
			Author:    &gh.User{Login: new("tenantry[bot]")},
			Committer: &gh.User{Login: new("web-flow")},
			Parents:   []*gh.Commit{{}},
			Commit:    &gh.Commit{Message: new(commitMessage("Drift", "d1", "t1")), Tree: &gh.Tree{SHA: new("t1")}},
		}
		tt.change(commit)
		if digest, ok := madeByUs(commit, us); ok != tt.want || ok && digest != "d1" {
			t.Errorf("%s: digest %q, ours %v", tt.name, digest, ok)
		}
	}
}
