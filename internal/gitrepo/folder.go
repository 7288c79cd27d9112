package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"tenantry.dev/reconciler"
)

// A Folder is a folder of this machine that holds a fleet, such as a checkout that somebody works
// in. It is only read from.
type Folder struct {
	path string
	root *os.Root
	repo *git.Repository // nil outside of a Git work tree
	at   string          // the folder's place in the work tree, "." or as in "fleets/eu"
}

// Dir opens a folder. That it isn't in a Git work tree, or in one that can't be read, is no error.
func Dir(path string) (*Folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w", path, err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, err // it names the operation and the path
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	f := &Folder{path: path, root: root}
	f.repo, f.at = workTree(path)
	return f, nil
}

// workTree finds the Git work tree that a folder lies in, and where in it; nil if it lies in none,
// or in one that can't be read.
func workTree(path string) (repo *git.Repository, at string) {
	repo, err := git.PlainOpenWithOptions(path, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if err != nil {
		return nil, ""
	}
	worktree, err := repo.Worktree()
	if err != nil {
		return nil, ""
	}
	top, err := filepath.EvalSymlinks(worktree.Filesystem.Root())
	if err != nil {
		return nil, ""
	}
	at, err = filepath.Rel(top, path)
	if err != nil || !filepath.IsLocal(at) {
		return nil, ""
	}
	return repo, filepath.ToSlash(at)
}

// Close frees the folder. Its files may not be opened after it.
func (f *Folder) Close() error { return f.root.Close() }

// Files returns the folder's files as they are on the disk, committed or not, with the same rules
// as those of a commit: links, devices, odd names and files above 16 MiB open as an error that
// says why. Git's own folder isn't shown.
func (f *Folder) Files() fs.FS { return files{root: f.root} }

// Commit returns the commit that is checked out, if the folder's files are exactly those of the
// commit; empty if they aren't, or if the folder is in no Git work tree.
func (f *Folder) Commit() (reconciler.Commit, error) {
	if f.repo == nil {
		return "", nil
	}
	head, err := f.head()
	if err != nil || head == nil {
		return "", err
	}
	worktree, err := f.repo.Worktree()
	if err != nil {
		return "", fmt.Errorf("work tree of %s: %w", f.path, err)
	}
	status, err := worktree.Status()
	if err != nil {
		return "", fmt.Errorf("what is uncommitted in %s: %w", f.path, err)
	}
	for path, s := range status {
		if _, inside := f.inside(path); inside && (s.Worktree != git.Unmodified || s.Staging != git.Unmodified) {
			return "", nil
		}
	}
	return reconciler.Commit(head.Hash.String()), nil
}

// Removed returns the paths of this folder that commits removed, each with the newest that did: the
// ones that existed in an ancestor of the commit that is checked out, and exist neither in it nor on the
// disk. A file that was merely deleted, and not committed, isn't among them. A shallow clone, whose
// history is cut, is an error.
func (f *Folder) Removed(ctx context.Context) (map[string]reconciler.Commit, error) {
	if f.repo == nil {
		return nil, nil
	}
	head, err := f.head()
	if err != nil || head == nil {
		return nil, err
	}
	if err := complete(f.repo); err != nil {
		return nil, fmt.Errorf("what was removed before %s in %s: %w", head.Hash, f.path, err)
	}
	removed, err := new(history).removed(ctx, &objects{storage: f.repo.Storer}, head)
	if err != nil {
		return nil, fmt.Errorf("what was removed before %s: %w", head.Hash, err)
	}
	list := map[string]reconciler.Commit{}
	for path, commit := range removed {
		path, inside := f.inside(path)
		if !inside {
			continue
		}
		if _, err := f.root.Lstat(filepath.FromSlash(path)); err == nil {
			continue
		}
		list[path] = commit
	}
	return list, nil
}

// head returns the commit that is checked out; nil if there is none yet.
func (f *Folder) head() (*object.Commit, error) {
	at, err := f.repo.Head()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("head of %s: %w", f.path, err)
	}
	commit, err := f.repo.CommitObject(at.Hash())
	if err != nil {
		return nil, fmt.Errorf("read commit %s of %s: %w", at.Hash(), f.path, err)
	}
	return commit, nil
}

// inside turns a path of the repository into one of the folder.
func (f *Folder) inside(path string) (string, bool) {
	if f.at == "." {
		return path, true
	}
	return strings.CutPrefix(path, f.at+"/")
}
