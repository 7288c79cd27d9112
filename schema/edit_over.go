package schema

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Over is a fleet's files with the edit made: for looking at what it would do before anything is written.
func (e Edit) Over(fsys fs.FS) fs.FS { return overlay{fsys, e} }

// An overlay is a file system in which one file has other content, or is new. It is safe for
// concurrent use if the file system below it is.
type overlay struct {
	fs.FS
	edit Edit
}

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	if name == o.edit.Path {
		return &editedFile{bytes.NewReader(o.edit.After), o.info()}, nil
	}
	if name != "." && !strings.HasPrefix(o.edit.Path, name+"/") {
		return o.FS.Open(name)
	}
	list, err := o.ReadDir(name)
	if err != nil {
		return nil, err
	}
	info, err := o.Stat(name)
	return &editedFolder{editedFile{new(bytes.Reader), info}, list}, err
}

// ReadFile implements fs.ReadFileFS.
func (o overlay) ReadFile(name string) ([]byte, error) {
	if name == o.edit.Path {
		return bytes.Clone(o.edit.After), nil
	}
	return fs.ReadFile(o.FS, name)
}

// Stat implements fs.StatFS.
func (o overlay) Stat(name string) (fs.FileInfo, error) {
	if name == o.edit.Path {
		return o.info(), nil
	}
	info, err := fs.Stat(o.FS, name)
	if err != nil && strings.HasPrefix(o.edit.Path, name+"/") {
		return editedInfo{name: path.Base(name), mode: fs.ModeDir | 0o755}, nil
	}
	return info, err
}

// ReadDir implements fs.ReadDirFS.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(o.FS, name)
	rest, inside := strings.CutPrefix(o.edit.Path, name+"/")
	if name == "." {
		rest, inside = o.edit.Path, true
	}
	if !inside {
		return list, err
	}
	child, _, deeper := strings.Cut(rest, "/")
	at, there := slices.BinarySearchFunc(list, child, func(d fs.DirEntry, name string) int { return strings.Compare(d.Name(), name) })
	switch {
	case deeper && there:
		return list, err
	case deeper:
		return slices.Insert(list, at, fs.FileInfoToDirEntry(editedInfo{name: child, mode: fs.ModeDir | 0o755})), nil
	case there:
		list[at] = fs.FileInfoToDirEntry(o.info())
		return list, err
	}
	return slices.Insert(list, at, fs.FileInfoToDirEntry(o.info())), nil
}

func (o overlay) info() fs.FileInfo {
	return editedInfo{name: path.Base(o.edit.Path), size: int64(len(o.edit.After)), mode: 0o644}
}

// An editedFile is an open file that isn't on any disk.
type editedFile struct {
	*bytes.Reader
	info fs.FileInfo
}

// Stat implements fs.File.
func (f *editedFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// Close implements fs.File.
func (f *editedFile) Close() error { return nil }

// An editedFolder is an open folder with the edited file in it.
type editedFolder struct {
	editedFile

	rest []fs.DirEntry
}

// ReadDir implements fs.ReadDirFile.
func (f *editedFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	all := len(f.rest)
	if n > 0 {
		if all == 0 {
			return nil, io.EOF
		}
		all = min(n, all)
	}
	list := f.rest[:all]
	f.rest = f.rest[all:]
	return list, nil
}

// editedInfo describes a file or folder that isn't on any disk.
type editedInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i editedInfo) Name() string       { return i.name }
func (i editedInfo) Size() int64        { return i.size }
func (i editedInfo) Mode() fs.FileMode  { return i.mode }
func (i editedInfo) ModTime() time.Time { return time.Time{} }
func (i editedInfo) IsDir() bool        { return i.mode.IsDir() }
func (i editedInfo) Sys() any           { return nil }
