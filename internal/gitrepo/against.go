package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/go-git/go-git/v5/plumbing"

	"tenantry.dev/reconciler"
)

// ErrNoGit means that a folder is in no Git work tree, or in one without commits.
var ErrNoGit = errors.New("the folder is in no Git repository that has commits")

// Resolve returns the commit that a revision names, such as "main", "HEAD~1" or "origin/main"
// (gitrevisions(7), as far as go-git knows it).
func (f *Folder) Resolve(revision string) (reconciler.Commit, error) {
	if f.repo == nil {
		return "", ErrNoGit
	}
	hash, err := f.repo.ResolveRevision(plumbing.Revision(revision))
	if err != nil {
		return "", fmt.Errorf("%q in the repository of %s: %w", revision, f.path, err)
	}
	return reconciler.Commit(hash.String()), nil
}

// Forked returns the newest commit of the remote's branch that what is checked out builds on; empty if
// there is no remote branch, or nothing in common. The branch is the remote's own choice, or main.
func (f *Folder) Forked() (reconciler.Commit, error) {
	if f.repo == nil {
		return "", nil
	}
	head, err := f.head()
	if err != nil || head == nil {
		return "", err
	}
	for _, ref := range []plumbing.ReferenceName{"refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/master"} {
		at, err := f.repo.Reference(ref, true)
		if err != nil {
			continue
		}
		remote, err := f.repo.CommitObject(at.Hash())
		if err != nil {
			return "", fmt.Errorf("read %s of %s: %w", ref, f.path, err)
		}
		bases, err := head.MergeBase(remote)
		if err != nil || len(bases) == 0 {
			return "", err
		}
		return reconciler.Commit(bases[0].Hash.String()), nil
	}
	return "", nil
}

// At returns the folder's files as a commit has them, with the rules of Files.
func (f *Folder) At(c reconciler.Commit) (fs.FS, error) {
	if f.repo == nil {
		return nil, ErrNoGit
	}
	commit, err := f.repo.CommitObject(plumbing.NewHash(string(c)))
	if err != nil {
		return nil, fmt.Errorf("read commit %s of %s: %w", c.Short(), f.path, err)
	}
	tree := newTree(&objects{storage: f.repo.Storer}, &listings{}, commit.TreeHash)
	if f.at == "." {
		return tree, nil
	}
	return fs.Sub(tree, f.at)
}
