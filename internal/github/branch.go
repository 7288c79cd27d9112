package github

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	gh "github.com/google/go-github/v60/github"

	"tenantry.dev/reconciler"
)

// webFlow is the committer of commits that GitHub makes and signs itself.
const webFlow = "web-flow"

// branchHead is what a proposal's branch has at its end. The zero value is a branch that doesn't
// exist.
type branchHead struct {
	sha     string
	digest  string // of our commit
	touched bool   // the commit at the end isn't one that we made
}

// branchHead reads the end of a branch. Since we rebuild a branch with one commit, a commit of
// ours at the end means that there is nothing of anybody else.
func (c *Client) branchHead(ctx context.Context, who Identity, branch string) (branchHead, error) {
	sha, err := c.refSHA(ctx, branch)
	if sha == "" || err != nil {
		return branchHead{}, err
	}
	commit, _, err := c.api.Repositories.GetCommit(ctx, c.owner, c.repo, sha, nil)
	if err != nil {
		return branchHead{}, fail("read commit "+sha, err)
	}
	digest, ours := madeByUs(commit, who)
	return branchHead{sha: sha, digest: digest, touched: !ours}, nil
}

// madeByUs tells whether a commit is as we made it: by author and committer, and by the tree that
// its message names, which an amended commit no longer has. The last is what counts when a person
// works with the same token.
func madeByUs(commit *gh.RepositoryCommit, who Identity) (digest string, ok bool) {
	said := trailers(commit.GetCommit().GetMessage())
	committer := commit.GetCommitter().GetLogin()
	ok = len(commit.Parents) == 1 &&
		said[digestTrailer] != "" &&
		said[treeTrailer] == commit.GetCommit().GetTree().GetSHA() &&
		sameLogin(commit.GetAuthor().GetLogin(), who.Login) &&
		(sameLogin(committer, who.Login) || committer == webFlow)
	return said[digestTrailer], ok
}

// refSHA returns what a branch points at, or "" if there is none.
func (c *Client) refSHA(ctx context.Context, branch string) (string, error) {
	ref, _, err := c.api.Git.GetRef(ctx, c.owner, c.repo, "heads/"+branch)
	if gone(err) {
		return "", nil
	}
	if err != nil {
		return "", fail("read branch "+branch, err)
	}
	return ref.GetObject().GetSHA(), nil
}

// rebuild makes the branch the watched branch with one commit on top. old is what it points at
// now, or "" if there is no branch.
func (c *Client) rebuild(ctx context.Context, old string, p reconciler.Proposal) error {
	base, err := c.watched(ctx)
	if err != nil {
		return err
	}
	tip, err := c.refSHA(ctx, base)
	if err != nil {
		return err
	}
	if tip == "" {
		return fmt.Errorf("branch %s doesn't exist", base)
	}
	parent, _, err := c.api.Git.GetCommit(ctx, c.owner, c.repo, tip)
	if err != nil {
		return fail("read commit "+tip, err)
	}
	tree, err := c.makeTree(ctx, parent.GetTree().GetSHA(), p.Files)
	if err != nil {
		return err
	}
	message := commitMessage(oneLine(p.Title, titleLimit), p.Digest, tree)
	made, _, err := c.api.Git.CreateCommit(ctx, c.owner, c.repo, &gh.Commit{
		Message: &message,
		Tree:    &gh.Tree{SHA: &tree},
		Parents: []*gh.Commit{{SHA: &tip}},
	}, nil)
	if err != nil {
		return fail("make the commit", err)
	}
	return c.moveBranch(ctx, p.Branch, old, made.GetSHA())
}

// moveBranch points the branch from old, or from nothing, at a commit, unless it was moved since.
func (c *Client) moveBranch(ctx context.Context, branch, old, sha string) error {
	ref := &gh.Reference{Ref: new("refs/heads/" + branch), Object: &gh.GitObject{SHA: &sha}}
	if old == "" {
		_, _, err := c.api.Git.CreateRef(ctx, c.owner, c.repo, ref)
		return fail("make the branch", err)
	}
	if err := c.gate.ready(ctx); err != nil {
		return err
	}
	switch now, err := c.refSHA(ctx, branch); {
	case err != nil:
		return err
	case now != old:
		return fmt.Errorf("%w while it was being rebuilt", reconciler.ErrTouched)
	}
	_, _, err := c.api.Git.UpdateRef(ctx, c.owner, c.repo, ref, true)
	return fail("move the branch", err)
}

// makeTree makes the tree of a proposal on top of another one and returns its id. Equal trees
// are ErrNoDifference.
func (c *Client) makeTree(ctx context.Context, base string, files map[string][]byte) (string, error) {
	entries := make([]*gh.TreeEntry, 0, len(files))
	seen := make(folders)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		entry, err := c.treeEntry(ctx, base, name, files[name], seen)
		if err != nil {
			return "", err
		}
		if entry != nil {
			entries = append(entries, entry)
		}
	}
	if len(entries) == 0 {
		return "", ErrNoDifference
	}
	tree, _, err := c.api.Git.CreateTree(ctx, c.owner, c.repo, base, entries)
	if err != nil {
		return "", fail("make the tree", err)
	}
	if tree.GetSHA() == base {
		return "", ErrNoDifference
	}
	return tree.GetSHA(), nil
}

// treeEntry is one file of a tree: text inline, other bytes as a blob, and a removal as an entry
// without content, or nil if there is nothing to remove (GitHub refuses to remove what isn't there).
func (c *Client) treeEntry(ctx context.Context, base, name string, content []byte, seen folders) (*gh.TreeEntry, error) {
	if name == "" || path.Clean(name) != name || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "../") {
		return nil, fmt.Errorf("%q is not a path in a repository", name)
	}
	entry := &gh.TreeEntry{Path: new(name), Mode: new("100644"), Type: new("blob")}
	switch {
	case content == nil:
		there, err := c.exists(ctx, base, name, seen)
		if err != nil || !there {
			return nil, err
		}
	case utf8.Valid(content):
		entry.Content = new(string(content))
	default:
		blob, _, err := c.api.Git.CreateBlob(ctx, c.owner, c.repo, &gh.Blob{
			Content:  new(base64.StdEncoding.EncodeToString(content)),
			Encoding: new("base64"),
		})
		if err != nil {
			return nil, fail("store "+name, err)
		}
		entry.SHA = blob.SHA
	}
	return entry, nil
}

// folders remembers the entries of trees that were read, by the tree's id.
type folders map[string][]*gh.TreeEntry

// exists tells whether a file is in a tree, folder by folder: a recursive listing is cut off in
// large repositories.
func (c *Client) exists(ctx context.Context, tree, name string, seen folders) (bool, error) {
	first, rest, deeper := strings.Cut(name, "/")
	entries, ok := seen[tree]
	if !ok {
		got, _, err := c.api.Git.GetTree(ctx, c.owner, c.repo, tree, false)
		if err != nil {
			return false, fail("read tree "+tree, err)
		}
		entries = got.Entries
		seen[tree] = entries
	}
	at := slices.IndexFunc(entries, func(e *gh.TreeEntry) bool { return e.GetPath() == first })
	switch {
	case at < 0:
		return false, nil
	case !deeper:
		return entries[at].GetType() == "blob", nil
	case entries[at].GetType() != "tree":
		return false, nil
	}
	return c.exists(ctx, entries[at].GetSHA(), rest, seen)
}
