package bare

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// The modes of entries.
const (
	ModeFile       = filemode.Regular
	ModeExecutable = filemode.Executable
	ModeLink       = filemode.Symlink
	ModeTree       = filemode.Dir
	ModeSubmodule  = filemode.Submodule
)

// emptyTree is the id of the tree without entries, which Git knows without storing it.
var emptyTree = plumbing.NewHash("4b825dc642cb6eb9a060e54bf8d69288fbee4904")

// An Entry is an entry of a tree. The zero value means "no entry".
type Entry struct {
	Name string
	Mode filemode.FileMode
	Hash Hash
}

// IsTree tells whether the entry is a folder.
func (e Entry) IsTree() bool { return e.Mode == ModeTree }

// exists tells whether there is an entry at all.
func (e Entry) exists() bool { return !e.Hash.IsZero() }

// same compares what two entries hold, whatever they are called.
func (e Entry) same(o Entry) bool { return e.Mode == o.Mode && e.Hash == o.Hash }

// Tree reads the entries of a tree in Git's order. Names are as stored, even those that Git would
// not check out. The zero hash reads as the empty tree.
func (r *Repo) Tree(h Hash) ([]Entry, error) {
	if h.IsZero() || h == emptyTree {
		return nil, nil
	}
	raw, err := r.get(plumbing.TreeObject, h)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for len(raw) > 0 {
		e, rest, err := nextEntry(raw)
		if err != nil {
			return nil, fmt.Errorf("tree %s: %w", h, err)
		}
		entries, raw = append(entries, e), rest
	}
	return entries, nil
}

// nextEntry cuts "mode SP name NUL hash" off the front of a raw tree.
func nextEntry(raw []byte) (Entry, []byte, error) {
	head, rest, ok := bytes.Cut(raw, []byte{0})
	if !ok || len(rest) < len(Hash{}) {
		return Entry{}, nil, fmt.Errorf("truncated entry")
	}
	mode, name, ok := strings.Cut(string(head), " ")
	if !ok {
		return Entry{}, nil, fmt.Errorf("entry without a name")
	}
	m, err := filemode.New(mode)
	if err != nil {
		return Entry{}, nil, fmt.Errorf("entry %q: %w", name, err)
	}
	e := Entry{Name: name, Mode: m}
	n := copy(e.Hash[:], rest)
	return e, rest[n:], nil
}

// PutTree writes a tree; the entries are sorted first.
func (r *Repo) PutTree(entries []Entry) (Hash, error) {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b Entry) int { return strings.Compare(sortName(a), sortName(b)) })
	var raw bytes.Buffer
	for _, e := range sorted {
		fmt.Fprintf(&raw, "%o %s\x00", uint32(e.Mode), e.Name)
		raw.Write(e.Hash[:])
	}
	return r.put(plumbing.TreeObject, raw.Bytes())
}

// sortName is the name by which Git sorts: a folder as if it ended in a slash.
func sortName(e Entry) string {
	if e.IsTree() {
		return e.Name + "/"
	}
	return e.Name
}

// EditTree returns base with the entries at the given paths set, or removed where the entry is
// zero. Folders appear and disappear as needed. An edit below a file replaces the file.
func (r *Repo) EditTree(base Hash, edits map[string]Entry) (Hash, error) {
	h, _, err := r.editTree(base, edits)
	if err != nil {
		return Hash{}, err
	}
	return h, nil
}

func (r *Repo) editTree(base Hash, edits map[string]Entry) (h Hash, empty bool, err error) {
	entries, err := r.byName(base)
	if err != nil {
		return Hash{}, false, err
	}
	below := map[string]map[string]Entry{}
	for p, e := range edits {
		dir, rest, nested := strings.Cut(p, "/")
		switch {
		case nested:
			if below[dir] == nil {
				below[dir] = map[string]Entry{}
			}
			below[dir][rest] = e
		case e.exists():
			entries[p] = Entry{p, e.Mode, e.Hash}
		default:
			delete(entries, p)
		}
	}
	for dir, edits := range below {
		sub := Hash{}
		if old := entries[dir]; old.IsTree() {
			sub = old.Hash
		}
		h, empty, err := r.editTree(sub, edits)
		if err != nil {
			return Hash{}, false, err
		}
		if empty {
			if entries[dir].IsTree() {
				delete(entries, dir)
			}
			continue
		}
		entries[dir] = Entry{dir, ModeTree, h}
	}
	h, err = r.PutTree(slices.Collect(maps.Values(entries)))
	return h, len(entries) == 0, err
}

func (r *Repo) byName(tree Hash) (map[string]Entry, error) {
	list, err := r.Tree(tree)
	if err != nil {
		return nil, err
	}
	entries := make(map[string]Entry, len(list))
	for _, e := range list {
		entries[e.Name] = e
	}
	return entries, nil
}

// Lookup finds the entry at a slash-separated path of a tree; "" is the tree itself.
func (r *Repo) Lookup(tree Hash, p string) (Entry, error) {
	at := Entry{Mode: ModeTree, Hash: tree}
	if p == "" {
		return at, nil
	}
	for name := range strings.SplitSeq(p, "/") {
		if !at.IsTree() {
			return Entry{}, fmt.Errorf("path %q: %w", p, ErrNotFound)
		}
		entries, err := r.byName(at.Hash)
		if err != nil {
			return Entry{}, err
		}
		e, ok := entries[name]
		if !ok {
			return Entry{}, fmt.Errorf("path %q: %w", p, ErrNotFound)
		}
		at = e
	}
	return at, nil
}

// A PathEntry is an entry with its whole path.
type PathEntry struct {
	Path string
	Entry
}

// Walk lists a tree and everything below it, folders before what they hold.
func (r *Repo) Walk(tree Hash) ([]PathEntry, error) {
	return r.walk(nil, "", tree)
}

func (r *Repo) walk(out []PathEntry, dir string, tree Hash) ([]PathEntry, error) {
	entries, err := r.Tree(tree)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		p := path.Join(dir, e.Name)
		out = append(out, PathEntry{p, e})
		if e.IsTree() {
			if out, err = r.walk(out, p, e.Hash); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// ValidPath tells whether GitHub accepts a path in a tree: relative, clean, and nowhere ".git".
func ValidPath(p string) bool {
	if p == "" || len(p) > 4096 {
		return false
	}
	for name := range strings.SplitSeq(p, "/") {
		if name == "" || name == "." || name == ".." || strings.EqualFold(name, ".git") || strings.ContainsRune(name, 0) {
			return false
		}
	}
	return true
}
