package githubbox

import (
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"
)

// TestReportCommit writes a commit as the daemon does: tree, commit, ref, pull request.
func TestReportCommit(t *testing.T) {
	b := newBox(t)
	base, _, err := b.gh.Git.GetRef(ctx(), "acme", "fleet", "heads/main")
	b.must(err)
	tree, _, err := b.gh.Git.CreateTree(ctx(), "acme", "fleet", base.Object.GetSHA(), []*github.TreeEntry{
		{Path: new("reports/drift/a.md"), Mode: new("100644"), Type: new("blob"), Content: new("# Drift\n")},
		{Path: new("tenants/initech.cue"), Mode: new("100644"), Type: new("blob")},
	})
	b.must(err)
	commit, _, err := b.gh.Git.CreateCommit(ctx(), "acme", "fleet", &github.Commit{
		Message: new("Report drift"), Tree: tree, Parents: []*github.Commit{{SHA: base.Object.SHA}},
	}, nil)
	b.must(err)
	if !commit.GetVerification().GetVerified() || commit.GetAuthor().GetName() != "tenantry[bot]" {
		t.Errorf("commit by an App without an author: verified %v, author %q", commit.GetVerification().GetVerified(), commit.GetAuthor().GetName())
	}
	_, _, err = b.gh.Git.CreateRef(ctx(), "acme", "fleet", &github.Reference{
		Ref: new("refs/heads/tenantry/drift/x"), Object: &github.GitObject{SHA: commit.SHA},
	})
	b.must(err)
	pr, _, err := b.gh.PullRequests.Create(ctx(), "acme", "fleet", &github.NewPullRequest{
		Title: new("Drift"), Head: new("tenantry/drift/x"), Base: new("main"), Body: new("See."),
	})
	b.must(err)
	if pr.GetUser().GetLogin() != "tenantry[bot]" || pr.GetChangedFiles() != 2 || !pr.GetMergeable() {
		t.Errorf("pull request by %q with %d files, mergeable %v", pr.GetUser().GetLogin(), pr.GetChangedFiles(), pr.GetMergeable())
	}
	found, _, err := b.gh.PullRequests.List(ctx(), "acme", "fleet", &github.PullRequestListOptions{Head: "acme:tenantry/drift/x", State: "open"})
	b.must(err)
	if len(found) != 1 {
		t.Errorf("found %d pull requests by their head", len(found))
	}
	merged, _, err := b.ana.PullRequests.Merge(ctx(), "acme", "fleet", pr.GetNumber(), "", &github.PullRequestOptions{SHA: commit.GetSHA()})
	b.must(err)
	if got := b.Tip(fleet, "main"); got != merged.GetSHA() {
		t.Errorf("main is %s after the merge to %s", got, merged.GetSHA())
	}
	if _, err := b.ReadFile(fleet, "main", "tenants/initech.cue"); err == nil {
		t.Error("the removed file is still there after the merge")
	}
}

func TestGitCommandLine(t *testing.T) {
	b := newBox(t)
	dir := t.TempDir()
	remote := strings.Replace(b.GitURL(fleet), "http://", "http://x-access-token:ghp_ana@", 1)
	b.mustGit("", "clone", "-q", remote, dir)
	b.mustGit(dir, "switch", "-q", "-c", "onboard")
	b.write(dir, "tenants/hooli.cue", "plan: \"team\"\n")
	b.mustGit(dir, "add", ".")
	b.mustGit(dir, "commit", "-q", "-m", "Onboard hooli")
	out := b.mustGit(dir, "push", "-u", "origin", "onboard")
	if !strings.Contains(out, "Create a pull request for 'onboard'") {
		t.Errorf("git push says %q", out)
	}
	n, err := b.OpenPullRequest(fleet, "ana", "onboard", "main", "Onboard hooli", "")
	b.must(err)
	first := b.pr(n).Head

	b.write(dir, "tenants/hooli.cue", "plan: \"pool\"\n")
	b.mustGit(dir, "commit", "-q", "-a", "-m", "Cheaper")
	b.mustGit(dir, "push", "-q")
	if head := b.pr(n).Head; head == first || head != strings.TrimSpace(b.mustGit(dir, "rev-parse", "HEAD")) {
		t.Errorf("the head is %s after the push, was %s", head, first)
	}
	b.mustGit(dir, "fetch", "-q", "origin", "refs/pull/1/merge:merge", "refs/pull/1/head:head")
	if got := b.mustGit(dir, "show", "merge:tenants/hooli.cue"); got != "plan: \"pool\"\n" {
		t.Errorf("the test merge has %q", got)
	}
	_, err = b.Merge(fleet, n, "ana")
	b.must(err)
	b.mustGit(dir, "switch", "-q", "main")
	b.mustGit(dir, "pull", "-q")
	b.mustGit(dir, "fsck", "--strict")
	b.mustGit(dir, "push", "-q", "origin", "--delete", "onboard")
	if b.Tip(fleet, "onboard") != "" {
		t.Error("the branch is still there after its deletion")
	}
	// Amending and forcing rewrites the branch.
	b.mustGit(dir, "switch", "-q", "-c", "again")
	b.mustGit(dir, "push", "-q", "origin", "again")
	b.mustGit(dir, "commit", "-q", "--amend", "--allow-empty", "-m", "Other")
	b.mustGit(dir, "push", "-q", "-f", "origin", "again")
	// A wrong password is refused.
	if out, err := b.git(dir, "push", strings.Replace(remote, "ghp_ana", "wrong", 1), "main:refs/heads/forged"); err == nil {
		t.Errorf("push with a wrong token answers %q", out)
	}
	if out, err := b.git(dir, "push", b.GitURL(fleet), "main:refs/heads/nobody"); err == nil {
		t.Errorf("push without a token answers %q", out)
	}
}
