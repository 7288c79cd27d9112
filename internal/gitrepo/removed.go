package gitrepo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"tenantry.dev/reconciler"
)

// A history knows which paths the commits up to base have removed, so that the next question only
// walks what is newer. It is safe for concurrent use.
type history struct {
	mu   sync.Mutex
	head plumbing.Hash // the watched branch's newest commit

	base   plumbing.Hash // zero at first
	walked map[plumbing.Hash]bool
	gone   map[string]plumbing.Hash // by path, whether or not it exists again
}

// setHead tells which commit is worth being remembered. What was removed in other commits, such
// as those of a pull request, must not be taken for removed in the branch.
func (h *history) setHead(hash plumbing.Hash) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.head = hash
}

// removed returns the paths that existed in an ancestor of a commit and don't exist in it.
func (h *history) removed(ctx context.Context, o *objects, commit *object.Commit) (map[string]reconciler.Commit, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	walked, gone, err := h.known(o, commit.Hash)
	if err != nil {
		return nil, err
	}
	newer, err := collect(o, commit, walked)
	if err != nil {
		return nil, err
	}
	if len(newer) > 0 {
		if gone, err = removals(ctx, o, newer, gone); err != nil {
			return nil, err
		}
	}
	if commit.Hash == h.head && h.base != h.head {
		all := maps.Clone(walked)
		if all == nil {
			all = map[plumbing.Hash]bool{}
		}
		for _, c := range newer {
			all[c.Hash] = true
		}
		h.base, h.walked, h.gone = h.head, all, gone
	}
	return absentFrom(newTree(o, &listings{}, commit.TreeHash), gone)
}

// known returns what was walked before and holds for a commit too.
func (h *history) known(o *objects, commit plumbing.Hash) (map[plumbing.Hash]bool, map[string]plumbing.Hash, error) {
	if h.base.IsZero() {
		return nil, nil, nil
	}
	if yes, err := o.ancestor(h.base, commit); err != nil || !yes {
		return nil, nil, err
	}
	return h.walked, h.gone, nil
}

// collect returns a commit and its ancestors but those that were walked, newest first: no commit
// comes before its children, and a first parent comes as early as it can.
func collect(o *objects, head *object.Commit, walked map[plumbing.Hash]bool) ([]*object.Commit, error) {
	if walked[head.Hash] {
		return nil, nil
	}
	commits := map[plumbing.Hash]*object.Commit{head.Hash: head}
	children := map[plumbing.Hash]int{}
	for open := []*object.Commit{head}; len(open) > 0; {
		commit := open[len(open)-1]
		open = open[:len(open)-1]
		for _, parent := range commit.ParentHashes {
			if walked[parent] {
				continue
			}
			children[parent]++
			if commits[parent] != nil {
				continue
			}
			c, err := o.commit(parent)
			if err != nil {
				return nil, err
			}
			commits[parent] = c
			open = append(open, c)
		}
	}
	list := make([]*object.Commit, 0, len(commits))
	for ready := []*object.Commit{head}; len(ready) > 0; {
		commit := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		list = append(list, commit)
		for _, parent := range slices.Backward(commit.ParentHashes) {
			if children[parent]--; children[parent] == 0 && commits[parent] != nil {
				ready = append(ready, commits[parent])
			}
		}
	}
	return list, nil
}

// removals returns the paths that the commits, newest first, have removed, and the older ones.
//
// A merge that brought a removal in from another branch counts as its commit. Hence two passes:
// the branch's own line, from each commit to its first parent, and then everything else, for
// paths that the line never had or lost in a way that it doesn't show.
func removals(ctx context.Context, o *objects, commits []*object.Commit, older map[string]plumbing.Hash) (map[string]plumbing.Hash, error) {
	gone := make(map[string]plumbing.Hash, len(older))
	onLine := make(map[plumbing.Hash]bool)
	for line, i := commits[0].Hash, 0; i < len(commits); i++ {
		c := commits[i]
		if c.Hash != line {
			continue
		}
		onLine[c.Hash] = true
		if len(c.ParentHashes) == 0 {
			break
		}
		line = c.ParentHashes[0]
		if err := lost(ctx, o, line, c, gone); err != nil {
			return nil, err
		}
	}
	for path, hash := range older {
		if _, newer := gone[path]; !newer {
			gone[path] = hash
		}
	}
	for _, c := range commits {
		for i, parent := range c.ParentHashes {
			if i == 0 && onLine[c.Hash] {
				continue
			}
			if err := lost(ctx, o, parent, c, gone); err != nil {
				return nil, err
			}
		}
	}
	return gone, nil
}

// lost notes the paths that a parent has and its child hasn't, unless a newer removal is known.
// A difference beyond all measure is passed over: then nothing counts as removed by it, and what
// isn't known as removed is kept.
func lost(ctx context.Context, o *objects, parent plumbing.Hash, child *object.Commit, gone map[string]plumbing.Hash) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	before, err := o.commit(parent)
	if err != nil {
		return err
	}
	found := map[string]bool{}
	w := walk{objects: o, goneOnly: true, emit: func(path string, kind reconciler.ChangeKind) {
		if kind == reconciler.Gone {
			found[path] = true
		}
	}}
	err = w.trees("", 0, before.TreeHash, child.TreeHash)
	if errors.Is(err, errTooMany) {
		return nil
	}
	for path := range found {
		if _, newer := gone[path]; !newer {
			gone[path] = child.Hash
		}
	}
	return err
}

// absentFrom leaves out the paths that exist again.
func absentFrom(t *tree, gone map[string]plumbing.Hash) (map[string]reconciler.Commit, error) {
	list := make(map[string]reconciler.Commit, len(gone))
	for path, hash := range gone {
		exists, err := t.exists(path)
		if err != nil {
			return nil, err
		}
		if !exists {
			list[path] = reconciler.Commit(hash.String())
		}
	}
	return list, nil
}
