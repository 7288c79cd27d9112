package takeover

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// An Overlay is the files of a fleet with some added or replaced, and some out of sight. Safe for
// concurrent use; nothing is ever written.
type Overlay struct {
	Base  fs.FS
	Files map[string][]byte
	Hide  func(path string) bool // of the base; nil hides nothing
}

func (o Overlay) hidden(name string) bool { return o.Hide != nil && o.Hide(name) }

// Open opens a file of either layer.
func (o Overlay) Open(name string) (fs.File, error) {
	if text, ok := o.Files[name]; ok {
		return &added{entry{name, int64(len(text))}, *bytes.NewReader(text)}, nil
	}
	if o.hidden(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return o.Base.Open(name)
}

// ReadFile reads a file of either layer.
func (o Overlay) ReadFile(name string) ([]byte, error) {
	if text, ok := o.Files[name]; ok {
		return slices.Clone(text), nil
	}
	if o.hidden(name) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return fs.ReadFile(o.Base, name)
}

// ReadDir lists what both layers have in a folder.
func (o Overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(o.Base, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	list = slices.DeleteFunc(slices.Clone(list), func(d fs.DirEntry) bool { return o.hidden(path.Join(name, d.Name())) })
	known := err == nil
	for file, text := range o.Files {
		rest, in := strings.CutPrefix(file, name+"/")
		if name == "." {
			rest, in = file, true
		}
		if !in {
			continue
		}
		known = true
		first, deeper, isFolder := strings.Cut(rest, "/")
		added := entry{path.Join(name, first), int64(len(text))}
		if isFolder && deeper != "" {
			added.size = folder
		}
		list = slices.DeleteFunc(list, func(d fs.DirEntry) bool { return d.Name() == first && added.size != folder })
		if !slices.ContainsFunc(list, func(d fs.DirEntry) bool { return d.Name() == first }) {
			list = append(list, added)
		}
	}
	if !known {
		return nil, err
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// folder is the size of what isn't a file.
const folder = -1

// An entry is a file or a folder that was added.
type entry struct {
	path string
	size int64
}

func (e entry) Name() string               { return path.Base(e.path) }
func (e entry) IsDir() bool                { return e.size == folder }
func (e entry) Type() fs.FileMode          { return e.Mode().Type() }
func (e entry) Info() (fs.FileInfo, error) { return e, nil }
func (e entry) Size() int64                { return max(e.size, 0) }
func (e entry) ModTime() time.Time         { return time.Time{} }
func (e entry) Sys() any                   { return nil }

func (e entry) Mode() fs.FileMode {
	if e.IsDir() {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

// added is a file that was added, opened.
type added struct {
	entry
	bytes.Reader
}

func (f *added) Stat() (fs.FileInfo, error) { return f.entry, nil }
func (f *added) Size() int64                { return f.entry.size }
func (f *added) Close() error               { return nil }
