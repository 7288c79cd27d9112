package githubbox

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"
)

func TestGitDataRefusals(t *testing.T) {
	b := newBox(t)
	main := b.Tip(fleet, "main")
	ref := func(name, sha string) *github.Reference {
		return &github.Reference{Ref: github.String(name), Object: &github.GitObject{SHA: github.String(sha)}}
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
				{Path: github.String("a/../b"), Mode: github.String("100644"), Content: github.String("x")},
			})
			return err
		}},
		{"removing what isn't there", "BadObjectState", func() error {
			_, _, err := b.gh.Git.CreateTree(ctx(), "acme", "fleet", main, []*github.TreeEntry{
				{Path: github.String("none"), Mode: github.String("100644"), Type: github.String("blob")},
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
	who := &github.CommitAuthor{Name: github.String("Ana"), Email: github.String("ana@acme.example")}
	for _, tt := range []struct {
		name   string
		client *github.Client
		author *github.CommitAuthor
		want   bool
	}{{"App", b.gh, nil, true}, {"App for somebody", b.gh, who, false}, {"person", b.ana, nil, false}} {
		c, _, err := tt.client.Git.CreateCommit(ctx(), "acme", "fleet", &github.Commit{
			Message: github.String("m"), Tree: tip.Tree, Parents: []*github.Commit{tip}, Author: tt.author,
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
	_, _, _, err = b.gh.Repositories.GetContents(ctx(), "acme", "fleet", "none", nil)
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
