package gitrepo

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"tenantry.dev/reconciler"
)

// errTooMany means that two trees differ in more paths than anybody could want to hear of.
var errTooMany = fmt.Errorf("more than %d paths differ", maxPaths)

// A walk compares two trees by their bytes. It loads only the folders that differ.
type walk struct {
	objects *objects
	// emit is called for each file that differs, of any mode. A folder below maxDepth counts as one file.
	emit func(path string, kind reconciler.ChangeKind)
	// goneOnly spares what emit would not want to know: folders that are there anew.
	goneOnly bool
	seen     int
}

// changes returns the files that differ between two trees, sorted by path.
func changes(o *objects, from, to plumbing.Hash) ([]reconciler.Change, error) {
	kinds := map[string]reconciler.ChangeKind{}
	w := walk{objects: o, emit: func(path string, kind reconciler.ChangeKind) {
		if before, twice := kinds[path]; twice && before != kind {
			kind = reconciler.Modified // only in trees that aren't sorted, or have a name twice
		}
		kinds[path] = kind
	}}
	if err := w.trees("", 0, from, to); err != nil {
		return nil, err
	}
	list := make([]reconciler.Change, 0, len(kinds))
	for path, kind := range kinds {
		list = append(list, reconciler.Change{Path: path, Kind: kind})
	}
	slices.SortFunc(list, func(a, b reconciler.Change) int { return cmp.Compare(a.Path, b.Path) })
	return list, nil
}

// trees compares two folders by hash; a zero hash is an empty folder.
func (w *walk) trees(dir string, depth int, from, to plumbing.Hash) error {
	if from == to {
		return nil
	}
	var sides [2][]byte
	for i, hash := range []plumbing.Hash{from, to} {
		if hash.IsZero() {
			continue
		}
		content, err := w.objects.tree(hash)
		if err != nil {
			return fmt.Errorf("folder %q: %w", dir, err)
		}
		sides[i] = content
	}
	if err := w.merge(dir, depth, sides[0], sides[1]); err != nil {
		if errors.Is(err, errTooMany) {
			return err
		}
		return fmt.Errorf("folder %q: %w", dir, err)
	}
	return nil
}

// merge walks two sorted lists of entries side by side.
func (w *walk) merge(dir string, depth int, a, b []byte) error {
	for {
		a, b = skipEqual(a, b)
		if len(a)+len(b) == 0 {
			return nil
		}
		if w.seen++; w.seen > maxPaths {
			return errTooMany
		}
		var ea, eb entry
		var ra, rb []byte
		var err error
		if len(a) > 0 {
			if ea, ra, err = next(a); err != nil {
				return err
			}
		}
		if len(b) > 0 {
			if eb, rb, err = next(b); err != nil {
				return err
			}
		}
		switch side := order(ea, eb); { // a side that has ended sorts last
		case len(b) == 0 || len(a) > 0 && side < 0:
			a, err = ra, w.only(dir, depth, ea, reconciler.Gone)
		case len(a) == 0 || side > 0:
			b, err = rb, w.only(dir, depth, eb, reconciler.Added)
		case ea.folder() && depth < maxDepth:
			a, b, err = ra, rb, w.trees(dir+ea.shown()+"/", depth+1, ea.hash, eb.hash)
		default:
			a, b = ra, rb
			w.emit(dir+ea.shown(), reconciler.Modified)
		}
		if err != nil {
			return err
		}
	}
}

// only emits an entry that one side alone has, with everything below it.
func (w *walk) only(dir string, depth int, e entry, kind reconciler.ChangeKind) error {
	path := dir + e.shown()
	switch {
	case w.goneOnly && kind == reconciler.Added:
		return nil
	case !e.folder() || depth >= maxDepth:
		w.emit(path, kind)
		return nil
	case kind == reconciler.Gone:
		return w.trees(path+"/", depth+1, e.hash, plumbing.ZeroHash)
	}
	return w.trees(path+"/", depth+1, plumbing.ZeroHash, e.hash)
}

// skipEqual drops the entries that two trees begin with alike.
func skipEqual(a, b []byte) ([]byte, []byte) {
	for len(a) > 0 && len(b) > 0 {
		end := bytes.IndexByte(a, 0) + 1 + len(plumbing.Hash{})
		if end > len(a) || end > len(b) || bytes.IndexByte(a, 0) < 0 || !bytes.Equal(a[:end], b[:end]) {
			return a, b
		}
		a, b = a[end:], b[end:]
	}
	return a, b
}
