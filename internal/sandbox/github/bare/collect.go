package bare

import (
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// collect gathers the objects of a pack.
type collect struct {
	repo    *Repo
	cut     map[Hash]bool // commits sent without their parents
	shallow map[Hash]bool // commits that the client has without their parents
	seen    map[Hash]bool // what the client has or gets
	out     []Hash
}

// exclude marks what the client has: the history of a commit, and the commit's own tree. Trees of
// older commits are not marked, so that a little may be sent twice, which Git allows.
func (c *collect) exclude(h Hash) error {
	if !c.repo.Has(h) || c.seen[h] {
		return nil
	}
	h = c.repo.Peel(h)
	if kind, err := c.repo.Kind(h); err != nil || kind != "commit" {
		return err // a tree or blob as a have says nothing of use
	}
	tip, err := c.repo.Commit(h)
	if err != nil {
		return err
	}
	if err := c.mark(tip.Tree); err != nil {
		return err
	}
	stack := []Hash{h}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if c.seen[at] {
			continue
		}
		c.seen[at] = true
		commit, err := c.repo.Commit(at)
		if err != nil {
			return err
		}
		if !c.shallow[at] {
			stack = append(stack, commit.Parents...)
		}
	}
	return nil
}

// mark notes a tree and everything below it as known to the client.
func (c *collect) mark(tree Hash) error {
	if c.seen[tree] {
		return nil
	}
	c.seen[tree] = true
	entries, err := c.repo.Tree(tree)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsTree() {
			if err := c.mark(e.Hash); err != nil {
				return err
			}
			continue
		}
		c.seen[e.Hash] = true
	}
	return nil
}

// include adds a wanted object with all that it needs.
func (c *collect) include(h Hash) error {
	kind, err := c.repo.Kind(h)
	if err != nil {
		return err
	}
	switch kind {
	case "commit":
		return c.commits(h)
	case "tree":
		return c.tree(h)
	case "blob":
		c.add(h)
		return nil
	}
	o, err := c.repo.store.EncodedObject(plumbing.TagObject, h)
	if err != nil {
		return fmt.Errorf("tag %s: %w", h, err)
	}
	var t object.Tag
	if err := t.Decode(o); err != nil {
		return fmt.Errorf("tag %s: %w", h, err)
	}
	c.add(h)
	return c.include(t.Target)
}

func (c *collect) add(h Hash) bool {
	if c.seen[h] {
		return false
	}
	c.seen[h] = true
	c.out = append(c.out, h)
	return true
}

func (c *collect) commits(tip Hash) error {
	stack := []Hash{tip}
	for len(stack) > 0 {
		h := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !c.add(h) {
			continue
		}
		commit, err := c.repo.Commit(h)
		if err != nil {
			return err
		}
		if err := c.tree(commit.Tree); err != nil {
			return err
		}
		if !c.cut[h] {
			stack = append(stack, commit.Parents...)
		}
	}
	return nil
}

func (c *collect) tree(h Hash) error {
	if !c.add(h) {
		return nil
	}
	if h == emptyTree && !c.repo.Has(h) {
		if _, err := c.repo.PutTree(nil); err != nil {
			return err
		}
	}
	entries, err := c.repo.Tree(h)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch e.Mode {
		case ModeTree:
			if err := c.tree(e.Hash); err != nil {
				return err
			}
		case ModeSubmodule:
		default:
			c.add(e.Hash)
		}
	}
	return nil
}
