// Package gitrepo reads the config repository: a commit as fs.FS, what differs between two
// commits, and what commits have removed. It keeps a bare mirror of one branch on the disk and
// never checks anything out, so that nothing in a commit can reach a file of the machine. It never
// writes to the remote repository.
package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/gofrs/flock"

	"tenantry.dev/reconciler"
)

var _ reconciler.Source = (*Repo)(nil)

// Auth gives the credentials for one fetch, such as a short-lived token; it is asked before each.
// They are sent in a header and appear in no error. Both empty means none.
type Auth func(ctx context.Context) (user, token string, err error)

// fetchTimeout ends a fetch from a remote that answers no more. A first clone has to fit in it.
const fetchTimeout = 10 * time.Minute

// A Repo is the mirror of one branch of a repository. It is a reconciler.Source, and safe for
// concurrent use: reads go on while a fetch waits for the network.
type Repo struct {
	name     string // of the repository, for errors: its address without credentials
	branch   plumbing.ReferenceName
	tracking plumbing.ReferenceName // where the mirror keeps the branch's newest commit
	remote   remote
	objects  *objects
	lock     *flock.Flock
	fetching chan struct{} // held by the one fetch that runs

	counting sync.Mutex
	counts   counts // guarded by counting
	history  history
	listings listings
}

// Open opens the mirror in dir and makes it if there is none. It doesn't contact the repository.
//
// url is https, http to this machine, ssh (with the keys of the user's agent), or a path on this
// machine. A url with a password in it is refused. auth may be nil. The mirror belongs to one
// process at a time; it holds nothing that can't be fetched again, so that a damaged one may be deleted.
func Open(ctx context.Context, dir, url, branch string, auth Auth) (*Repo, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	source, name, err := newRemote(url, auth)
	if err != nil {
		return nil, err
	}
	if branch == "" {
		return nil, fmt.Errorf("config repository %s: no branch is given", name)
	}
	r := &Repo{
		name: name, remote: source, fetching: make(chan struct{}, 1), counts: counts{},
		branch:   plumbing.NewBranchReferenceName(branch),
		tracking: plumbing.NewRemoteReferenceName("origin", branch),
	}
	if err := r.openMirror(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("open the mirror %s: %w", dir, err), r.Close())
	}
	return r, nil
}

func (r *Repo) openMirror(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(dir, "tenantry.lock"), flock.SetPermissions(0o600))
	switch got, err := lock.TryLock(); {
	case err != nil:
		return err
	case !got:
		return errors.New("another process is using it")
	}
	r.lock = lock
	if err := tidy(dir); err != nil {
		return err
	}
	storage := filesystem.NewStorageWithOptions(osfs.New(dir), cache.NewObjectLRU(64*cache.MiByte), filesystem.Options{
		ExclusiveAccess:      true,
		MaxOpenDescriptors:   32,
		LargeObjectThreshold: 4 << 20,
	})
	if err := storage.Init(); err != nil {
		return err
	}
	r.objects = &objects{storage: storage, dir: dir}
	return r.objects.mend(r.tracking)
}

// tidy removes what an interrupted fetch left behind. An index whose pack never arrived would
// otherwise be taken for that of the same pack, fetched again.
func tidy(dir string) error {
	var left []string
	for _, pattern := range []string{"incoming-*", "objects/pack/tmp_*", "objects/pack/*.idx"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		left = append(left, found...)
	}
	for _, path := range left {
		if index, ok := strings.CutSuffix(path, ".idx"); ok {
			if _, err := os.Stat(index + ".pack"); !errors.Is(err, fs.ErrNotExist) {
				continue
			}
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// Close gives the mirror free. Nothing of r, nor any fs.FS that it opened, may be used after it;
// closing twice is harmless.
func (r *Repo) Close() error {
	var errs []error
	if r.objects != nil {
		errs = append(errs, r.objects.close())
	}
	if r.lock != nil {
		errs = append(errs, r.lock.Unlock())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the mirror of %s: %w", r.name, err)
	}
	return nil
}

// Head fetches the watched branch and returns its newest commit, whose tree is then readable. A
// repository that is empty, a branch that is gone, refused credentials and an unreachable remote
// are errors that say so; what was fetched before stays readable.
func (r *Repo) Head(ctx context.Context) (reconciler.Commit, error) {
	hash, err := r.fetch(ctx, r.branch)
	if err != nil {
		return "", fmt.Errorf("fetch branch %s of %s: %w", r.branch.Short(), r.name, err)
	}
	if err := r.objects.point(r.tracking, hash); err != nil {
		return "", fmt.Errorf("keep the head of %s: %w", r.name, err)
	}
	r.history.setHead(hash)
	return reconciler.Commit(hash.String()), nil
}

// Fetch makes another ref readable and returns its commit; reconciler.ErrNoRef if the remote has
// no such ref.
func (r *Repo) Fetch(ctx context.Context, ref string) (reconciler.Commit, error) {
	hash, err := r.fetch(ctx, plumbing.ReferenceName(ref))
	if err != nil {
		return "", fmt.Errorf("fetch %s of %s: %w", ref, r.name, err)
	}
	return reconciler.Commit(hash.String()), nil
}

// fetch brings a ref's commit with all that it needs into the mirror.
func (r *Repo) fetch(ctx context.Context, ref plumbing.ReferenceName) (plumbing.Hash, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetchTimeout, errors.New("the remote took too long"))
	defer cancel()
	select {
	case r.fetching <- struct{}{}:
		defer func() { <-r.fetching }()
	case <-ctx.Done():
		return plumbing.ZeroHash, context.Cause(ctx)
	}
	known, err := r.objects.recent(r.tracking)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	hash, err := r.remote.fetch(ctx, r.objects, ref, known)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	commit, err := r.objects.peel(hash)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	// A fetch may succeed and the commit be missing all the same; nothing may rest on it then.
	if _, err := r.objects.tree(commit.TreeHash); err != nil {
		return plumbing.ZeroHash, err
	}
	return commit.Hash, nil
}

// Open returns the files of a commit that was fetched. The FS is read-only and safe for
// concurrent use. Links, submodules, odd names and files above 16 MiB are listed, and open as an
// error that says why; everything else stays readable.
func (r *Repo) Open(_ context.Context, c reconciler.Commit) (fs.FS, error) {
	commit, err := r.commit(c)
	if err != nil {
		return nil, err
	}
	r.counting.Lock()
	defer r.counting.Unlock()
	if err := r.counts.check(r.objects, commit.TreeHash); err != nil {
		return nil, fmt.Errorf("open commit %s: %w", c.Short(), err)
	}
	return newTree(r.objects, &r.listings, commit.TreeHash), nil
}

// Ancestor tells whether a is b or one of its ancestors. The mirror has all of b's history, so
// that a commit that it doesn't have is none of its ancestors.
func (r *Repo) Ancestor(_ context.Context, a, b reconciler.Commit) (bool, error) {
	newer, err := r.commit(b)
	if err != nil {
		return false, err
	}
	yes, err := r.objects.ancestor(plumbing.NewHash(string(a)), newer.Hash)
	if err != nil {
		return false, fmt.Errorf("is %s an ancestor of %s: %w", a.Short(), b.Short(), err)
	}
	return yes, nil
}

// Changed returns the paths that differ between two commits, sorted. The two need no common history.
func (r *Repo) Changed(_ context.Context, from, to reconciler.Commit) ([]reconciler.Change, error) {
	older, err := r.commit(from)
	if err != nil {
		return nil, err
	}
	newer, err := r.commit(to)
	if err != nil {
		return nil, err
	}
	changes, err := changes(r.objects, older.TreeHash, newer.TreeHash)
	if err != nil {
		return nil, fmt.Errorf("what changed from %s to %s: %w", from.Short(), to.Short(), err)
	}
	return changes, nil
}

// Removed returns the paths that existed in an ancestor of c and don't exist in c, each with the
// newest commit that removed it: of the branch itself where that is known, so that a file that a
// pull request removed was removed by its merge.
func (r *Repo) Removed(ctx context.Context, c reconciler.Commit) (map[string]reconciler.Commit, error) {
	commit, err := r.commit(c)
	if err != nil {
		return nil, err
	}
	removed, err := r.history.removed(ctx, r.objects, commit)
	if err != nil {
		return nil, fmt.Errorf("what was removed before %s: %w", c.Short(), err)
	}
	return removed, nil
}

// commit reads a commit that was fetched.
func (r *Repo) commit(c reconciler.Commit) (*object.Commit, error) {
	if !plumbing.IsHash(string(c)) {
		return nil, fmt.Errorf("%q is not a commit", c)
	}
	commit, err := r.objects.commit(plumbing.NewHash(string(c)))
	if err != nil {
		return nil, fmt.Errorf("read commit %s of %s: %w", c.Short(), r.name, err)
	}
	return commit, nil
}
