package gitrepo

import (
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// counts remembers how many paths each tree has below it, so that a commit that unfolds to more
// than anybody can read is refused before anybody tries: a few small trees, each holding the next
// one many times, make billions of paths.
type counts map[plumbing.Hash]int

// maxNesting ends the count of trees within trees; what is below maxDepth can't be opened anyway.
const maxNesting = 1000

// check refuses a tree that has too many paths.
func (c counts) check(o *objects, root plumbing.Hash) error {
	if len(c) > maxPaths {
		clear(c)
	}
	n, err := c.count(o, root, 0)
	if err == nil && n > maxPaths {
		err = fmt.Errorf("it has more than %d files", maxPaths)
	}
	return err
}

func (c counts) count(o *objects, hash plumbing.Hash, nesting int) (int, error) {
	if n, ok := c[hash]; ok {
		return n, nil
	}
	if nesting > maxNesting {
		return 0, fmt.Errorf("it has more than %d folders within one another", maxNesting)
	}
	content, err := o.tree(hash)
	if err != nil {
		return 0, err
	}
	total := 0
	for len(content) > 0 {
		var e entry
		if e, content, err = next(content); err != nil {
			return 0, fmt.Errorf("tree %s: %w", hash, err)
		}
		below := 1
		if e.folder() {
			if below, err = c.count(o, e.hash, nesting+1); err != nil {
				return 0, err
			}
		}
		total = min(total+below, maxPaths+1)
	}
	c[hash] = total
	return total, nil
}
