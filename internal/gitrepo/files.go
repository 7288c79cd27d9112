package gitrepo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// files is a folder on the disk as fs.FS, with the same rules as a commit's tree.
type files struct{ root *os.Root }

// Open implements fs.FS.
func (f files) Open(name string) (fs.File, error) {
	if err := f.check("open", name); err != nil {
		return nil, err
	}
	file, err := f.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	return diskFile{file}, nil
}

// ReadFile implements fs.ReadFileFS.
func (f files) ReadFile(name string) ([]byte, error) {
	if err := f.check("read", name); err != nil {
		return nil, err
	}
	file, err := f.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = &fs.PathError{Op: "read", Path: name, Err: errTooLarge(int64(len(content)))}
	}
	return content, errors.Join(err, file.Close())
}

// ReadDir implements fs.ReadDirFS.
func (f files) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.check("readdir", name); err != nil {
		return nil, err
	}
	list, err := fs.ReadDir(f.root.FS(), name)
	return withoutGit(list), err
}

// Stat implements fs.StatFS.
func (f files) Stat(name string) (fs.FileInfo, error) {
	if err := f.check("stat", name); err != nil {
		return nil, err
	}
	return f.root.Lstat(filepath.FromSlash(name))
}

// check refuses what a fleet may not contain, at any part of the path. The disk may change after
// it, which harms nobody: the root lets no link out of the folder, whatever it points at.
func (f files) check(op, name string) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return nil
	}
	parts := strings.Split(name, "/")
	if len(parts) > maxDepth+1 {
		return &fs.PathError{Op: op, Path: name, Err: fmt.Errorf("it is more than %d folders deep", maxDepth)}
	}
	for i, part := range parts {
		at := path.Join(parts[:i+1]...)
		info, err := f.root.Lstat(filepath.FromSlash(at))
		if err != nil {
			return &fs.PathError{Op: op, Path: name, Err: cause(err)}
		}
		if reason := diskRefusal(part, info); reason != "" {
			return &fs.PathError{Op: op, Path: name, Err: errors.New(reason)}
		}
	}
	return nil
}

func diskRefusal(name string, info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return "it is a symbolic link, which a fleet may not contain"
	case !mode.IsRegular() && !mode.IsDir():
		return "it is neither a file nor a folder"
	case mode.IsRegular() && info.Size() > maxFile:
		return errTooLarge(info.Size()).Error()
	}
	return nameRefusal(name)
}

func errTooLarge(size int64) error {
	return fmt.Errorf("it has %d bytes; a file of a fleet has at most %d", size, maxFile)
}

// cause takes the path off an error that is about to get it again.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// withoutGit hides Git's own folder, or the file that stands for it in a linked work tree.
func withoutGit(list []fs.DirEntry) []fs.DirEntry {
	return slices.DeleteFunc(list, func(e fs.DirEntry) bool { return e.Name() == ".git" })
}

// A diskFile is an open file or folder on the disk.
type diskFile struct{ *os.File }

// ReadDir implements fs.ReadDirFile.
func (f diskFile) ReadDir(n int) ([]fs.DirEntry, error) {
	list, err := f.File.ReadDir(n)
	return withoutGit(list), err
}
