package bare

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// A Change is a file that differs between two trees.
type Change struct {
	Path          string
	From          string // the former path of a renamed file, else empty
	Before, After Entry  // zero where the file doesn't exist
}

// Status is "added", "removed", "renamed" or "modified", as in GitHub's API.
func (c Change) Status() string {
	switch {
	case c.From != "":
		return "renamed"
	case !c.Before.exists():
		return "added"
	case !c.After.exists():
		return "removed"
	}
	return "modified"
}

// Diff lists the files that differ between two trees, sorted by path, without looking for
// renames: a moved file is a removed one and an added one.
func (r *Repo) Diff(from, to Hash) ([]Change, error) {
	changes, err := r.diff(nil, "", Entry{Mode: ModeTree, Hash: from}, Entry{Mode: ModeTree, Hash: to})
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return changes, err
}

// diff compares two entries of the same name; either may be missing.
func (r *Repo) diff(out []Change, at string, a, b Entry) ([]Change, error) {
	if a.same(b) {
		return out, nil
	}
	// A folder on one side and a file on the other is a removal and additions.
	if (a.exists() && !a.IsTree()) || (b.exists() && !b.IsTree()) {
		c := Change{Path: at}
		if !a.IsTree() {
			c.Before, a = a, Entry{}
		}
		if !b.IsTree() {
			c.After, b = b, Entry{}
		}
		out = append(out, c)
	}
	before, err := r.children(a)
	if err != nil {
		return nil, err
	}
	after, err := r.children(b)
	if err != nil {
		return nil, err
	}
	for _, name := range unionKeys(before, after) {
		if out, err = r.diff(out, path.Join(at, name), before[name], after[name]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// children are the entries of a folder by name; anything else has none.
func (r *Repo) children(e Entry) (map[string]Entry, error) {
	if !e.IsTree() || !e.exists() {
		return nil, nil
	}
	return r.byName(e.Hash)
}

func unionKeys(ms ...map[string]Entry) []string {
	all := map[string]bool{}
	for _, m := range ms {
		for k := range m {
			all[k] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Renames joins each removed file with an added one of the very same content, as GitHub's file
// lists do. (GitHub also joins similar files; this doesn't.)
func Renames(changes []Change) []Change {
	removed := map[Hash][]int{}
	for i, c := range changes {
		if c.Status() == "removed" {
			removed[c.Before.Hash] = append(removed[c.Before.Hash], i)
		}
	}
	gone := map[int]bool{}
	out := slices.Clone(changes)
	for i, c := range out {
		from := removed[c.After.Hash]
		if c.Status() != "added" || len(from) == 0 {
			continue
		}
		out[i].From, out[i].Before = changes[from[0]].Path, changes[from[0]].Before
		gone[from[0]] = true
		removed[c.After.Hash] = from[1:]
	}
	kept := out[:0]
	for i, c := range out {
		if !gone[i] {
			kept = append(kept, c)
		}
	}
	return kept
}

// A Patch is the difference of one file as text.
type Patch struct {
	Additions, Deletions int
	Text                 string // hunks of a unified diff without the file header; empty if binary or equal
	Binary               bool
}

// Patch computes the difference of a changed file.
func (r *Repo) Patch(c Change) (Patch, error) {
	before, err := r.text(c.Before)
	if err != nil {
		return Patch{}, err
	}
	after, err := r.text(c.After)
	if err != nil {
		return Patch{}, err
	}
	if isBinary(before) || isBinary(after) {
		return Patch{Binary: true}, nil
	}
	return unified(splitLines(before), splitLines(after)), nil
}

// text is what an entry holds as text; a submodule is shown by its commit, as Git does.
func (r *Repo) text(e Entry) (string, error) {
	switch {
	case !e.exists():
		return "", nil
	case e.Mode == ModeSubmodule:
		return "Subproject commit " + e.Hash.String() + "\n", nil
	}
	b, err := r.Blob(e.Hash)
	return string(b), err
}

// isBinary follows Git: a NUL in the first 8000 bytes.
func isBinary(s string) bool { return strings.ContainsRune(s[:min(len(s), 8000)], 0) }
