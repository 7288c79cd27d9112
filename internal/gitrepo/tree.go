package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// A tree is the files of one commit as fs.FS. It reads the object database alone.
type tree struct {
	objects  *objects
	listings *listings // of all trees of the repository
	root     node

	mu      sync.Mutex
	folders map[plumbing.Hash]*folder // those that were read
}

// A folder is a tree object, read and checked.
type folder struct {
	nodes  []node // sorted by name
	byName map[string]node
}

// A node is a file or folder at a path.
type node struct {
	entry
	name    string // that can stand in a path
	refused string // why it must not be opened; empty if it may
}

func newTree(o *objects, l *listings, root plumbing.Hash) *tree {
	return &tree{
		objects: o, listings: l, folders: map[plumbing.Hash]*folder{},
		root: node{entry: entry{mode: modeFolder, hash: root}, name: "."},
	}
}

// Open implements fs.FS.
func (t *tree) Open(name string) (fs.File, error) {
	n, err := t.find("open", name)
	if err != nil {
		return nil, err
	}
	if n.folder() {
		list, err := t.list(n)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return &openFolder{info: t.info(n), list: list}, nil
	}
	content, err := t.content(n)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	info := t.info(n)
	info.size = int64(len(content))
	return &openFile{info: info, Reader: bytes.NewReader(content)}, nil
}

// ReadFile implements fs.ReadFileFS.
func (t *tree) ReadFile(name string) ([]byte, error) {
	n, err := t.find("read", name)
	if err != nil {
		return nil, err
	}
	if n.folder() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("it is a folder")}
	}
	content, err := t.content(n)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return content, nil
}

// ReadDir implements fs.ReadDirFS. What may not be opened is listed too, as a link or as irregular.
func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.folder() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("it is not a folder")}
	}
	list, err := t.list(n)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return list, nil
}

// Stat implements fs.StatFS.
func (t *tree) Stat(name string) (fs.FileInfo, error) {
	n, err := t.find("stat", name)
	if err != nil {
		return nil, err
	}
	info, err := t.sized(n)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return info, nil
}

// exists tells whether a file is at a path, usable or not.
func (t *tree) exists(name string) (bool, error) {
	at := t.root
	for part := range strings.SplitSeq(name, "/") {
		if !at.folder() {
			return false, nil
		}
		f, err := t.folder(at.hash)
		if err != nil {
			return false, err
		}
		below, ok := f.byName[part]
		if !ok {
			return false, nil
		}
		at = below
	}
	return !at.folder(), nil
}

// find returns what is at a path, or why it can't be used.
func (t *tree) find(op, name string) (node, error) {
	if !fs.ValidPath(name) {
		return node{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return t.root, nil
	}
	at := t.root
	for depth, part := range strings.Split(name, "/") {
		below, err := t.below(at, part, depth)
		if err != nil {
			return node{}, &fs.PathError{Op: op, Path: name, Err: err}
		}
		at = below
	}
	return at, nil
}

func (t *tree) below(at node, name string, depth int) (node, error) {
	if !at.folder() {
		return node{}, fs.ErrNotExist
	}
	if depth > maxDepth {
		return node{}, fmt.Errorf("it is more than %d folders deep", maxDepth)
	}
	f, err := t.folder(at.hash)
	if err != nil {
		return node{}, err
	}
	n, ok := f.byName[name]
	switch {
	case !ok:
		return node{}, fs.ErrNotExist
	case n.refused != "":
		return node{}, errors.New(n.refused)
	}
	return n, nil
}

// folder reads a tree object, once.
func (t *tree) folder(hash plumbing.Hash) (*folder, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f, ok := t.folders[hash]; ok {
		return f, nil
	}
	content, err := t.objects.tree(hash)
	if err != nil {
		return nil, err
	}
	f, err := parseFolder(content)
	if err != nil {
		return nil, err
	}
	t.folders[hash] = f
	return f, nil
}

// parseFolder reads a tree's bytes and marks what in it must not be used. Of names that differ in
// case only, or not at all, none may be used: which one a person gets depends on the machine.
func parseFolder(content []byte) (*folder, error) {
	f := &folder{byName: map[string]node{}}
	names := map[string]string{}
	for len(content) > 0 {
		e, rest, err := next(content)
		if err != nil {
			return nil, err
		}
		content = rest
		n := node{entry: e, name: e.shown(), refused: e.refusal()}
		if other, twice := names[folded(n.name)]; twice {
			n.refused = alike(n.name, other)
			first := f.byName[other]
			first.refused = alike(other, n.name)
			f.byName[other] = first
		}
		names[folded(n.name)] = n.name
		f.byName[n.name] = n
	}
	for _, n := range f.byName {
		f.nodes = append(f.nodes, n)
	}
	slices.SortFunc(f.nodes, func(a, b node) int { return strings.Compare(a.name, b.name) })
	return f, nil
}

func alike(name, other string) string {
	if name == other {
		return "its folder has this name twice"
	}
	return fmt.Sprintf("its name differs from %q in case only, and some systems can't tell them apart", other)
}

func (t *tree) content(n node) ([]byte, error) {
	size, err := t.objects.size(n.hash)
	if err != nil {
		return nil, err
	}
	if size > maxFile {
		return nil, errTooLarge(size)
	}
	return t.objects.blob(n.hash)
}

func (t *tree) list(n node) ([]fs.DirEntry, error) {
	f, err := t.folder(n.hash)
	if err != nil {
		return nil, err
	}
	list := make([]fs.DirEntry, len(f.nodes))
	for i, below := range f.nodes {
		list[i] = dirEntry{info: t.info(below), tree: t, node: below}
	}
	return list, nil
}

func (t *tree) info(n node) info {
	i := info{name: n.name, mode: 0o444}
	switch {
	case n.mode == modeLink:
		i.mode |= fs.ModeSymlink
	case n.refused != "":
		i.mode |= fs.ModeIrregular
	case n.folder():
		i.mode = fs.ModeDir | 0o555
	case n.mode == modeExecutable:
		i.mode = 0o555
	}
	return i
}

func (t *tree) sized(n node) (fs.FileInfo, error) {
	i := t.info(n)
	if !i.mode.IsRegular() {
		return i, nil
	}
	size, err := t.objects.size(n.hash)
	i.size = size
	return i, err
}

// An info is what is known of a file. Git keeps no time for it.
type info struct {
	name string
	size int64
	mode fs.FileMode
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

type dirEntry struct {
	info
	tree *tree
	node node
}

func (d dirEntry) Type() fs.FileMode          { return d.mode.Type() }
func (d dirEntry) Info() (fs.FileInfo, error) { return d.tree.sized(d.node) }
func (d dirEntry) String() string             { return fs.FormatDirEntry(d) }

type openFile struct {
	info info
	*bytes.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

type openFolder struct {
	info info
	list []fs.DirEntry
	read int
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFolder) Close() error               { return nil }
func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.info.name, Err: errors.New("it is a folder")}
}

// ReadDir implements fs.ReadDirFile.
func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := f.list[f.read:]
	if n <= 0 {
		f.read = len(f.list)
		return slices.Clone(rest), nil
	}
	if len(rest) == 0 {
		return nil, io.EOF
	}
	rest = rest[:min(n, len(rest))]
	f.read += len(rest)
	return slices.Clone(rest), nil
}
