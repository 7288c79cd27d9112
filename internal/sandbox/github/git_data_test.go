package githubbox

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"
	"github.com/google/go-github/v60/github"
)

func TestGitDataRefusals(t *testing.T) {
	b := newBox(t)
	main := b.Tip(fleet, "main")
	ref := func(name, sha string) *github.Reference {
		return &github.Reference{Ref: new(name), Object: &github.GitObject{SHA: new(sha)}}
	}
	b.propose("topic", "a", "1\n")
	other, err := b.CommitFiles(fleet, "main", "ana", "Move main", map[string][]byte{"z": []byte("1")})
	b.must(err)
	tests := []struct {
		name, message string
		do            func() error
	}{
		{"a ref that exists", "Reference already exists", func() error {
			_, _, err := b.gh.Git.CreateRef(ctx(), "acme", "fleet", ref("refs/heads/topic", main))
			return err
		}},
		{"a commit that doesn't", "Object does not exist", func() error {
			_, _, err := b.gh.Git.CreateRef(ctx(), "acme", "fleet", ref("refs/heads/new", strings.Repeat("1", 40)))
			return err
		}},
		{"a folder of a ref", "Reference update failed", func() error {
			_, _, err := b.gh.Git.CreateRef(ctx(), "acme", "fleet", ref("refs/heads/topic/sub", main))
			return err
		}},
		{"no fast forward", "not a fast forward", func() error {
			_, _, err := b.gh.Git.UpdateRef(ctx(), "acme", "fleet", ref("refs/heads/topic", other), false)
			return err
		}},
		{"an update of nothing", "Reference does not exist", func() error {
			_, _, err := b.gh.Git.UpdateRef(ctx(), "acme", "fleet", ref("refs/heads/none", main), false)
			return err
		}},
		{"a deletion of nothing", "Reference does not exist", func() error {
			_, err := b.gh.Git.DeleteRef(ctx(), "acme", "fleet", "heads/none")
			return err
		}},
		{"the head of a pull request", "Reference update failed", func() error {
			_, _, err := b.gh.Git.UpdateRef(ctx(), "acme", "fleet", ref("refs/pull/1/head", main), true)
			return err
		}},
		{"a tree with a bad path", "malformed path", func() error {
			_, _, err := b.gh.Git.CreateTree(ctx(), "acme", "fleet", main, []*github.TreeEntry{
				{Path: new("a/../b"), Mode: new("100644"), Content: new("x")},
			})
			return err
		}},
		{"removing what isn't there", "BadObjectState", func() error {
			_, _, err := b.gh.Git.CreateTree(ctx(), "acme", "fleet", main, []*github.TreeEntry{
				{Path: new("none"), Mode: new("100644"), Type: new("blob")},
			})
			return err
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := b.status(tt.do(), http.StatusUnprocessableEntity)
			if !strings.Contains(fmt.Sprint(e), strings.ToLower(tt.message)) && !strings.Contains(fmt.Sprint(e), tt.message) {
				t.Errorf("got %v, want %q", e, tt.message)
			}
		})
	}
	_, _, err = b.gh.Git.UpdateRef(ctx(), "acme", "fleet", ref("refs/heads/topic", other), true)
	b.must(err)
	if b.Tip(fleet, "topic") != other {
		t.Error("the forced update did nothing")
	}
}

func TestSignedOnlyInTheAppsOwnName(t *testing.T) {
	b := newBox(t)
	tip, _, err := b.gh.Git.GetCommit(ctx(), "acme", "fleet", b.Tip(fleet, "main"))
	b.must(err)
	who := &github.CommitAuthor{Name: new("Ana"), Email: new("ana@acme.example")}
	for _, tt := range []struct {
		name   string
		client *github.Client
		author *github.CommitAuthor
		want   bool
	}{{"App", b.gh, nil, true}, {"App for somebody", b.gh, who, false}, {"person", b.ana, nil, false}} {
		c, _, err := tt.client.Git.CreateCommit(ctx(), "acme", "fleet", &github.Commit{
			Message: new("m"), Tree: tip.Tree, Parents: []*github.Commit{tip}, Author: tt.author,
		}, nil)
		b.must(err)
		if got := c.GetVerification().GetVerified(); got != tt.want {
			t.Errorf("%s: verified is %v", tt.name, got)
		}
	}
}

func TestContentsAndTrees(t *testing.T) {
	b := newBox(t)
	file, dir, _, err := b.gh.Repositories.GetContents(ctx(), "acme", "fleet", "tenants", nil)
	b.must(err)
	if file != nil || len(dir) != 2 {
		t.Errorf("the folder has %d entries", len(dir))
	}
	file, _, _, err = b.gh.Repositories.GetContents(ctx(), "acme", "fleet", "fleet.cue", &github.RepositoryContentGetOptions{Ref: "main"})
	b.must(err)
	if text, err := file.GetContent(); err != nil || text != "name: \"acme\"\n" {
		t.Errorf("the file has %q, %v", text, err)
	}
	_, err = b.CommitFiles(fleet, "main", "ana", "Large", map[string][]byte{"large": []byte(strings.Repeat("x", 1<<20+1))})
	b.must(err)
	file, _, _, err = b.gh.Repositories.GetContents(ctx(), "acme", "fleet", "large", nil)
	b.must(err)
	if file.GetEncoding() != "none" {
		t.Errorf("a file above 1 MB has encoding %q", file.GetEncoding())
	}
	tree, _, err := b.gh.Git.GetTree(ctx(), "acme", "fleet", "main", true)
	b.must(err)
	if len(tree.Entries) != 5 {
		t.Errorf("the tree has %d entries", len(tree.Entries))
	}
	r, err := b.gh.NewRequest("GET", "repos/acme/fleet/contents/none", nil)
	b.must(err)
	_, err = b.gh.Do(ctx(), r, nil)
	b.status(err, http.StatusNotFound)
}

func TestCreateCommitOnBranch(t *testing.T) {
	b := newBox(t)
	input := map[string]any{
		"branch":          map[string]any{"repositoryNameWithOwner": fleet, "branchName": "main"},
		"message":         map[string]any{"headline": "Report"},
		"expectedHeadOid": b.Tip(fleet, "main"),
		"fileChanges":     map[string]any{"additions": []any{map[string]any{"path": "r.md", "contents": "aGk="}}},
	}
	post := func() (errors []any) {
		r, err := b.gh.NewRequest("POST", b.URL()+"/api/graphql", map[string]any{
			"query": "mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }", "variables": map[string]any{"input": input},
		})
		b.must(err)
		var out struct{ Errors []any }
		_, err = b.gh.Do(ctx(), r, &out)
		b.must(err)
		return out.Errors
	}
	if errs := post(); errs != nil {
		t.Fatal(errs)
	}
	if content, err := b.ReadFile(fleet, "main", "r.md"); err != nil || string(content) != "hi" {
		t.Errorf("the file has %q, %v", content, err)
	}
	if errs := post(); errs == nil {
		t.Error("a stale head was accepted")
	}
}

func TestShallowClone(t *testing.T) {
	b := newBox(t)
	for i := range 5 {
		_, err := b.CommitFiles(fleet, "main", "ana", fmt.Sprint("Commit ", i), map[string][]byte{"n": fmt.Append(nil, i)})
		b.must(err)
	}
	dir := t.TempDir()
	b.mustGit("", "clone", "-q", "--depth", "2", b.GitURL(fleet), dir)
	if n := strings.TrimSpace(b.mustGit(dir, "rev-list", "--count", "HEAD")); n != "2" {
		t.Errorf("a clone of depth 2 has %s commits", n)
	}
	_, err := b.CommitFiles(fleet, "main", "ana", "One more", map[string][]byte{"n": []byte("x")})
	b.must(err)
	b.mustGit(dir, "pull", "-q")
	b.mustGit(dir, "fetch", "-q", "--depth", "4")
	b.mustGit(dir, "fsck")
	b.mustGit(dir, "fetch", "-q", "--unshallow")
	if n := strings.TrimSpace(b.mustGit(dir, "rev-list", "--count", "HEAD")); n != "7" {
		t.Errorf("the whole history has %s commits", n)
	}
	b.mustGit(dir, "fsck")
}

// TestLargePush makes git send its pack in chunks, after a try without one, and its haves in
// compressed requests.
func TestLargePush(t *testing.T) {
	b := newBox(t)
	dir := filepath.Join(t.TempDir(), "w")
	remote := strings.Replace(b.GitURL(fleet), "http://", "http://ana:ghp_ana@", 1)
	b.mustGit("", "clone", "-q", remote, dir)
	var noise strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&noise, "%d ", i*7919%1000003)
	}
	b.write(dir, "noise", noise.String())
	b.mustGit(dir, "add", ".")
	b.mustGit(dir, "commit", "-q", "-m", "Noise")
	b.mustGit(dir, "-c", "http.postBuffer=65536", "push", "-q", "origin", "HEAD:noise")
	// Sixty commits that only the client has, so that it must ask more than once what is common.
	var stream strings.Builder
	for i := range 60 {
		fmt.Fprintf(&stream, "commit refs/heads/local\ncommitter A <a@acme.example> %d +0000\ndata 1\nx\n", 1_800_000_000+i)
		if i == 0 {
			stream.WriteString("from refs/heads/main^0\n")
		}
	}
	load := exec.Command("git", "fast-import", "--quiet")
	load.Dir, load.Stdin = dir, strings.NewReader(stream.String())
	b.must(load.Run())
	_, err := b.CommitFiles(fleet, "main", "ana", "Remote", map[string][]byte{"r": []byte("1")})
	b.must(err)
	b.mustGit(dir, "fetch", "-q", "origin")
	clone := filepath.Join(t.TempDir(), "c")
	b.mustGit("", "clone", "-q", "-b", "noise", b.GitURL(fleet), clone)
	if got, err := os.ReadFile(filepath.Join(clone, "noise")); err != nil || string(got) != noise.String() {
		t.Errorf("the file came back with %d bytes, %v", len(got), err)
	}
}

// TestGoGit clones, fetches and pushes with go-git, whose protocol differs from git's: no multi_ack,
// and everything in one round.
func TestGoGit(t *testing.T) {
	b := newBox(t)
	n := b.propose("topic", "a", "1\n")
	auth := &githttp.BasicAuth{Username: "x-access-token", Password: "ghp_ana"}
	mirror, err := git.Clone(memory.NewStorage(), nil, &git.CloneOptions{URL: b.GitURL(fleet), Auth: auth, SingleBranch: true})
	b.must(err)
	_, err = b.CommitFiles(fleet, "main", "ana", "More", map[string][]byte{"b": []byte("1")})
	b.must(err)
	fetch := func(spec string) {
		t.Helper()
		b.must(mirror.Fetch(&git.FetchOptions{RefSpecs: []config.RefSpec{config.RefSpec(spec)}, Auth: auth}))
	}
	fetch("+refs/heads/main:refs/remotes/origin/main")
	fetch(fmt.Sprintf("+refs/pull/%d/merge:refs/remotes/pr", n))
	fetch(b.pr(n).Head + ":refs/remotes/exact")
	ref, err := mirror.Reference("refs/remotes/pr", true)
	b.must(err)
	commit, err := mirror.CommitObject(ref.Hash())
	b.must(err)
	if commit.NumParents() != 2 || commit.ParentHashes[0].String() != b.Tip(fleet, "main") {
		t.Errorf("the test merge has the parents %v", commit.ParentHashes)
	}
	b.must(mirror.Push(&git.PushOptions{Auth: auth, RefSpecs: []config.RefSpec{"refs/remotes/pr:refs/heads/pushed"}}))
	if b.Tip(fleet, "pushed") != ref.Hash().String() {
		t.Error("the push did nothing")
	}
}
