// Package bare is a bare Git repository in memory with what a forge does to one: it writes blobs,
// trees and commits, moves refs, compares and merges trees, and serves the smart HTTP protocol.
// It needs no git binary.
//
// A Repo is not safe for concurrent use, reads included; the forge that owns it holds a lock.
package bare

import (
	"errors"
	"fmt"
	"io"
	"sort"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"
)

// Hash is the id of an object.
type Hash = plumbing.Hash

// ErrNotFound means that the repository has no such object, ref or path.
var ErrNotFound = errors.New("not found")

// Repo is a repository.
type Repo struct {
	store *memory.Storage
	// What was worked out about commits, which never change.
	commits     map[Hash]Commit
	generations map[Hash]int
}

// New returns an empty repository whose HEAD names the default branch.
func New(defaultBranch string) *Repo {
	r := &Repo{store: memory.NewStorage(), commits: map[Hash]Commit{}, generations: map[Hash]int{}}
	r.SetHead(defaultBranch)
	return r
}

// SetHead makes HEAD name a branch, which need not exist.
func (r *Repo) SetHead(branch string) {
	name := plumbing.NewBranchReferenceName(branch)
	r.store.ReferenceStorage[plumbing.HEAD] = plumbing.NewSymbolicReference(plumbing.HEAD, name)
}

// Head is the full name of the ref that HEAD names.
func (r *Repo) Head() string {
	return r.store.ReferenceStorage[plumbing.HEAD].Target().String()
}

// ParseHash reads a full id in hex; ok is false for anything else.
func ParseHash(s string) (h Hash, ok bool) {
	if !plumbing.IsHash(s) {
		return Hash{}, false
	}
	return plumbing.NewHash(s), true
}

// Has tells whether the repository holds an object.
func (r *Repo) Has(h Hash) bool { return r.store.HasEncodedObject(h) == nil }

// Kind is "commit", "tree", "blob" or "tag", or ErrNotFound.
func (r *Repo) Kind(h Hash) (string, error) {
	o, err := r.store.EncodedObject(plumbing.AnyObject, h)
	if err != nil {
		return "", fmt.Errorf("object %s: %w", h, ErrNotFound)
	}
	return o.Type().String(), nil
}

func (r *Repo) put(kind plumbing.ObjectType, content []byte) (Hash, error) {
	o := &plumbing.MemoryObject{}
	o.SetType(kind)
	if _, err := o.Write(content); err != nil {
		return Hash{}, fmt.Errorf("write %s: %w", kind, err)
	}
	return r.store.SetEncodedObject(o)
}

func (r *Repo) get(kind plumbing.ObjectType, h Hash) ([]byte, error) {
	o, err := r.store.EncodedObject(kind, h)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, h, ErrNotFound)
	}
	rd, err := o.Reader()
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", kind, h, err)
	}
	content, err := io.ReadAll(rd)
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", kind, h, err)
	}
	return content, rd.Close()
}

// PutBlob writes a blob.
func (r *Repo) PutBlob(content []byte) (Hash, error) { return r.put(plumbing.BlobObject, content) }

// Blob reads a blob.
func (r *Repo) Blob(h Hash) ([]byte, error) { return r.get(plumbing.BlobObject, h) }

// BlobSize is the size of a blob in bytes.
func (r *Repo) BlobSize(h Hash) (int64, error) {
	o, err := r.store.EncodedObject(plumbing.BlobObject, h)
	if err != nil {
		return 0, fmt.Errorf("blob %s: %w", h, ErrNotFound)
	}
	return o.Size(), nil
}

// A Person is an author or a committer at a time.
type Person struct {
	Name, Email string
	When        time.Time
}

// A Commit is a commit's content. The message is kept to the byte.
type Commit struct {
	Hash              Hash
	Tree              Hash
	Parents           []Hash
	Author, Committer Person
	Message           string
	Signature         string // armoured; empty if unsigned
}

// PutCommit writes a commit and returns its id; c.Hash is ignored.
func (r *Repo) PutCommit(c Commit) (Hash, error) {
	if _, err := r.Tree(c.Tree); err != nil {
		return Hash{}, fmt.Errorf("commit: %w", err)
	}
	out := &object.Commit{
		Author:       signature(c.Author),
		Committer:    signature(c.Committer),
		Message:      c.Message,
		TreeHash:     c.Tree,
		ParentHashes: c.Parents,
		PGPSignature: c.Signature,
	}
	o := &plumbing.MemoryObject{}
	if err := out.Encode(o); err != nil {
		return Hash{}, fmt.Errorf("encode commit: %w", err)
	}
	return r.store.SetEncodedObject(o)
}

func signature(p Person) object.Signature {
	return object.Signature{Name: p.Name, Email: p.Email, When: p.When}
}

// Commit reads a commit.
func (r *Repo) Commit(h Hash) (Commit, error) {
	if c, known := r.commits[h]; known {
		return c, nil
	}
	o, err := r.store.EncodedObject(plumbing.CommitObject, h)
	if err != nil {
		return Commit{}, fmt.Errorf("commit %s: %w", h, ErrNotFound)
	}
	var c object.Commit
	if err := c.Decode(o); err != nil {
		return Commit{}, fmt.Errorf("commit %s: %w", h, err)
	}
	r.commits[h] = Commit{
		Hash: h, Tree: c.TreeHash, Parents: c.ParentHashes, Message: c.Message, Signature: c.PGPSignature,
		Author:    Person{c.Author.Name, c.Author.Email, c.Author.When},
		Committer: Person{c.Committer.Name, c.Committer.Email, c.Committer.When},
	}
	return r.commits[h], nil
}

// Ref returns what a full ref name points at.
func (r *Repo) Ref(name string) (Hash, bool) {
	ref, ok := r.store.ReferenceStorage[plumbing.ReferenceName(name)]
	if !ok || ref.Type() != plumbing.HashReference {
		return Hash{}, false
	}
	return ref.Hash(), true
}

// SetRef points a full ref name at an object, whatever it pointed at before.
func (r *Repo) SetRef(name string, h Hash) {
	ref := plumbing.NewHashReference(plumbing.ReferenceName(name), h)
	r.store.ReferenceStorage[ref.Name()] = ref
}

// DeleteRef removes a ref; a missing one is fine.
func (r *Repo) DeleteRef(name string) {
	delete(r.store.ReferenceStorage, plumbing.ReferenceName(name))
}

// A Ref is a name and what it points at.
type Ref struct {
	Name string
	Hash Hash
}

// Refs returns all refs but HEAD, sorted by name.
func (r *Repo) Refs() []Ref {
	var refs []Ref
	for name, ref := range r.store.ReferenceStorage {
		if ref.Type() == plumbing.HashReference {
			refs = append(refs, Ref{name.String(), ref.Hash()})
		}
	}
	sort.Slice(refs, func(i, j int) bool { return refs[i].Name < refs[j].Name })
	return refs
}

// ValidRefName tells whether Git accepts the full name of a ref.
func ValidRefName(name string) bool {
	return plumbing.ReferenceName(name).Validate() == nil
}

// Peel follows annotated tags to what they name.
func (r *Repo) Peel(h Hash) Hash {
	for range 8 {
		o, err := r.store.EncodedObject(plumbing.TagObject, h)
		if err != nil {
			return h
		}
		var t object.Tag
		if t.Decode(o) != nil {
			return h
		}
		h = t.Target
	}
	return h
}
