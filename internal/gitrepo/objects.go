package gitrepo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage"
)

// Limits on what a repository may ask of this process.
const (
	maxFile  = 16 << 20 // bytes of a file
	maxTree  = 64 << 20 // bytes of one folder's list
	maxDepth = 32       // folders within folders
	maxPaths = 1 << 19  // files in a commit, or differences between two
)

// objects reads a repository's objects. go-git's storages are not safe for concurrent use, not
// even for reading, so that every use of one is inside mu, up to the last byte read.
type objects struct {
	mu      sync.Mutex
	storage storage.Storer
	dir     string // for files on their way into the storage
}

// has tells whether an object is here, and then so is all that it refers to: objects arrive in
// packs that are complete, and a pack arrives whole or not at all.
func (o *objects) has(hash plumbing.Hash) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.holds(hash)
}

// holds is has, inside mu. The storage's own HasEncodedObject overlooks what is in packs when it
// has exclusive access (go-git 5.19.3).
func (o *objects) holds(hash plumbing.Hash) bool {
	_, err := o.storage.EncodedObjectSize(hash)
	return err == nil
}

// size returns the size of a blob without reading it.
func (o *objects) size(hash plumbing.Hash) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.storage.EncodedObjectSize(hash)
}

// tree returns the bytes of a tree.
func (o *objects) tree(hash plumbing.Hash) ([]byte, error) {
	return o.read(plumbing.TreeObject, hash, maxTree)
}

// blob returns the bytes of a file.
func (o *objects) blob(hash plumbing.Hash) ([]byte, error) {
	return o.read(plumbing.BlobObject, hash, maxFile)
}

func (o *objects) read(kind plumbing.ObjectType, hash plumbing.Hash, limit int64) (content []byte, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	found, err := o.storage.EncodedObject(kind, hash)
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", kind, hash, err)
	}
	if found.Size() > limit {
		return nil, fmt.Errorf("%s %s has %d bytes; at most %d are read", kind, hash, found.Size(), limit)
	}
	r, err := found.Reader()
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", kind, hash, err)
	}
	content = make([]byte, found.Size())
	if _, err := io.ReadFull(r, content); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s %s: %w", kind, hash, err), r.Close())
	}
	return content, r.Close()
}

func (o *objects) commit(hash plumbing.Hash) (*object.Commit, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return object.GetCommit(o.storage, hash)
}

// peel returns the commit that a ref's hash stands for, through annotated tags.
func (o *objects) peel(hash plumbing.Hash) (*object.Commit, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for range 8 {
		tag, err := object.GetTag(o.storage, hash)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read tag %s: %w", hash, err)
		}
		hash = tag.Target
	}
	commit, err := object.GetCommit(o.storage, hash)
	if err != nil {
		return nil, fmt.Errorf("read commit %s: %w", hash, err)
	}
	return commit, nil
}

// ancestor tells whether a is b or one of its ancestors; a may be unknown.
func (o *objects) ancestor(a, b plumbing.Hash) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	older, err := object.GetCommit(o.storage, a)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	newer, err := object.GetCommit(o.storage, b)
	if err != nil {
		return false, err
	}
	return older.IsAncestor(newer)
}

// recent returns the newest commits that a ref leads to, for a remote to tell what we have. The
// older ones among them serve when the remote has rewritten the newest away.
func (o *objects) recent(ref plumbing.ReferenceName) ([]plumbing.Hash, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at, err := o.storage.Reference(ref)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", ref, err)
	}
	var hashes []plumbing.Hash
	for next := at.Hash(); len(hashes) < 64; {
		commit, err := object.GetCommit(o.storage, next)
		if err != nil {
			return nil, fmt.Errorf("the mirror is damaged and may be deleted; it is made again then: commit %s: %w", next, err)
		}
		hashes = append(hashes, next)
		if len(commit.ParentHashes) == 0 {
			break
		}
		next = commit.ParentHashes[0]
	}
	return hashes, nil
}

// point keeps a hash under a ref's name.
func (o *objects) point(ref plumbing.ReferenceName, hash plumbing.Hash) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if at, err := o.storage.Reference(ref); err == nil && at.Hash() == hash {
		return nil
	}
	return o.storage.SetReference(plumbing.NewHashReference(ref, hash))
}

// mend forgets a ref that an interrupted write left unreadable: it only spares work.
func (o *objects) mend(ref plumbing.ReferenceName) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	at, err := o.storage.Reference(ref)
	if errors.Is(err, plumbing.ErrReferenceNotFound) || err == nil && !at.Hash().IsZero() && o.holds(at.Hash()) {
		return nil
	}
	return o.storage.RemoveReference(ref)
}

// addPack takes the pack that write writes into the storage, whole or not at all. It comes through
// a file of its own, so that reads go on while a slow remote sends it.
func (o *objects) addPack(write func(io.Writer) error) (err error) {
	incoming, err := os.CreateTemp(o.dir, "incoming-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, incoming.Close(), os.Remove(incoming.Name())) }()
	if err := write(incoming); err != nil {
		return err
	}
	if _, err := incoming.Seek(0, io.SeekStart); err != nil {
		return err
	}
	into, ok := o.storage.(storer.PackfileWriter)
	if !ok {
		return errors.New("the mirror's storage takes no packs")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := packfile.WritePackfileToObjectStorage(into, incoming); err != nil {
		return fmt.Errorf("index the pack: %w", err)
	}
	return nil
}

func (o *objects) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if closer, ok := o.storage.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
