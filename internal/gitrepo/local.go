package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// A local is a remote on this machine, bare or with a work tree. Its objects are copied without
// the git program, which go-git's own transport for paths would run.
type local struct{ path string }

func (l local) fetch(ctx context.Context, into *objects, ref plumbing.ReferenceName, _ []plumbing.Hash) (plumbing.Hash, error) {
	source, err := git.PlainOpenWithOptions(l.path, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return plumbing.ZeroHash, errors.New("there is no Git repository at this path")
	}
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if closer, ok := source.Storer.(io.Closer); ok {
		defer func() { _ = closer.Close() }() // it was only read from
	}
	if err := complete(source); err != nil {
		return plumbing.ZeroHash, err
	}
	at, err := storer.ResolveReference(source.Storer, ref)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return plumbing.ZeroHash, missing(source)
	}
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("read %s: %w", ref, err)
	}
	hashes, err := absent(ctx, source.Storer, into, at.Hash())
	if err != nil || len(hashes) == 0 {
		return at.Hash(), err
	}
	return at.Hash(), into.addPack(func(w io.Writer) error {
		_, err := packfile.NewEncoder(w, source.Storer, false).Encode(hashes, 0)
		return err
	})
}

// complete refuses a repository that lacks a part of its history: what a commit removed, and
// whether one descends from another, can't be told there.
func complete(source *git.Repository) error {
	cut, err := source.Storer.Shallow()
	if err != nil {
		return fmt.Errorf("read where the history begins: %w", err)
	}
	if len(cut) > 0 {
		return errors.New("it is a shallow clone, whose history is cut; complete it with: git fetch --unshallow")
	}
	return nil
}

// missing tells a repository that never had a commit from one that lacks a ref.
func missing(source *git.Repository) error {
	refs, err := source.References()
	if err != nil {
		return fmt.Errorf("list the refs: %w", err)
	}
	defer refs.Close()
	for {
		ref, err := refs.Next()
		if errors.Is(err, io.EOF) {
			return errEmpty
		}
		if err != nil {
			return fmt.Errorf("list the refs: %w", err)
		}
		if ref.Type() == plumbing.HashReference {
			return errGone
		}
	}
}

// absent returns the objects that hash leads to and that the mirror doesn't have. It doesn't go
// below an object that the mirror has.
func absent(ctx context.Context, from storer.EncodedObjectStorer, into *objects, hash plumbing.Hash) ([]plumbing.Hash, error) {
	var list []plumbing.Hash
	seen := map[plumbing.Hash]bool{hash: true}
	for open := []plumbing.Hash{hash}; len(open) > 0; {
		next := open[len(open)-1]
		open = open[:len(open)-1]
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if into.has(next) {
			continue
		}
		list = append(list, next)
		below, err := references(from, next)
		if err != nil {
			return nil, fmt.Errorf("read object %s: %w", next, err)
		}
		for _, b := range below {
			if !seen[b] {
				seen[b] = true
				open = append(open, b)
			}
		}
	}
	return list, nil
}

// references returns what an object refers to within its repository.
func references(from storer.EncodedObjectStorer, hash plumbing.Hash) ([]plumbing.Hash, error) {
	found, err := from.EncodedObject(plumbing.AnyObject, hash)
	if err != nil {
		return nil, err
	}
	switch found.Type() {
	case plumbing.TagObject:
		tag, err := object.DecodeTag(from, found)
		if err != nil {
			return nil, err
		}
		return []plumbing.Hash{tag.Target}, nil
	case plumbing.CommitObject:
		commit, err := object.DecodeCommit(from, found)
		if err != nil {
			return nil, err
		}
		return append(commit.ParentHashes, commit.TreeHash), nil
	case plumbing.TreeObject:
		return entriesOf(found)
	}
	return nil, nil
}

func entriesOf(tree plumbing.EncodedObject) ([]plumbing.Hash, error) {
	r, err := tree.Reader()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	var hashes []plumbing.Hash
	for len(content) > 0 {
		var e entry
		if e, content, err = next(content); err != nil {
			return nil, err
		}
		if e.mode != modeSubmodule { // a submodule's commit is in another repository
			hashes = append(hashes, e.hash)
		}
	}
	return hashes, nil
}
