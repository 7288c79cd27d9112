package schema

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A File is one file of a fleet as it is handed to an evaluation.
type File struct {
	Path string
	Text []byte
	// Trouble says why there is no text, such as that the file is a link; empty if there is text.
	Trouble string
}

// A Listed is one entry of a list of files.
type Listed struct {
	Path string
	Type fs.FileMode // the type bits alone
	// ID identifies the content: files of one ID have the same content, whatever their path. Empty if
	// that isn't known, as of what can't be read.
	ID string
	// Text is the content if listing brought it along; nil if it has to be read.
	Text []byte
	// Size is the size in bytes if the content was too large to bring along; 0 otherwise.
	Size int64
}

// A Lister is a file system that can list itself at once, with what identifies the contents. Without
// it, every file has to be read to see whether it changed.
type Lister interface {
	fs.FS
	// List returns the files that are wanted, sorted by path. A folder that isn't wanted is left out with
	// all that is in it. An error means that the list would not be whole.
	List(wanted func(path string, folder bool) bool) ([]Listed, error)
}

// listing is what a fleet's files are before any of them is looked into.
type listing struct {
	fsys        fs.FS
	definitions []Listed // everything but tenants
	tenants     []Listed
}

// list lists the files of a fleet. It returns an error only if that isn't possible, because then
// nobody knows what is missing.
func list(fsys fs.FS) (*listing, error) {
	lister, can := fsys.(Lister)
	if !can {
		lister = walker{fsys}
	}
	all, err := lister.List(belongs)
	if err != nil {
		return nil, err
	}
	l := &listing{fsys: fsys}
	for _, f := range all {
		if strings.HasPrefix(f.Path, tenantsDir+"/") {
			l.tenants = append(l.tenants, f)
		} else {
			l.definitions = append(l.definitions, f)
		}
	}
	return l, nil
}

// belongs tells whether a folder can hold definitions, or a file be one.
func belongs(name string, folder bool) bool {
	base := path.Base(name)
	hidden := strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") // as the cue command line has it
	if !folder {
		return strings.HasSuffix(name, ".cue") && !hidden && name != joinFile
	}
	switch {
	case name == "." || name == "cue.mod" || name == "cue.mod/pkg" || strings.HasPrefix(name, "cue.mod/pkg/"):
		return true
	case name == "reports" || strings.HasPrefix(name, "cue.mod/"):
		return false
	}
	return !hidden
}

// read is the file for an evaluation.
func (l *listing) read(f Listed) File {
	limit := maxFile
	if strings.HasPrefix(f.Path, tenantsDir+"/") {
		limit = maxTenantFile
	}
	out := File{Path: f.Path, Text: f.Text}
	switch {
	case f.Type&fs.ModeSymlink != 0:
		out.Trouble = "this is a link; a definition must be a plain file"
	case f.Size > 0:
		out.Trouble = tooLarge(f.Size, limit)
	case f.Text == nil:
		text, err := fs.ReadFile(l.fsys, f.Path)
		if err != nil {
			out.Trouble = readError(err).Error()
		}
		out.Text = text
		if strings.HasPrefix(f.ID, contentID) && err == nil && ContentID(text) != f.ID {
			out.Trouble = "the file changed while it was read"
		}
	}
	if out.Trouble == "" && len(out.Text) > limit {
		out.Trouble = tooLarge(int64(len(out.Text)), limit)
	}
	if out.Trouble != "" {
		out.Text = nil
	}
	return out
}

func tooLarge(size int64, limit int) string {
	return fmt.Sprintf("the file has %d bytes; more than %d are not read", size, limit)
}

// A walker lists any file system by reading all of it.
type walker struct{ fs.FS }

// List implements Lister.
func (w walker) List(wanted func(path string, folder bool) bool) ([]Listed, error) {
	var out []Listed
	err := fs.WalkDir(w.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil && (d == nil || d.IsDir()) {
			return fmt.Errorf("read folder %s: %w", name, err)
		}
		switch {
		case !wanted(name, d.IsDir()) && d.IsDir():
			return fs.SkipDir
		case d.IsDir() || !wanted(name, false):
			return nil
		}
		out = append(out, w.listed(name, d))
		return nil
	})
	slices.SortFunc(out, func(a, b Listed) int { return strings.Compare(a.Path, b.Path) })
	return out, err
}

func (w walker) listed(name string, d fs.DirEntry) Listed {
	f := Listed{Path: name, Type: d.Type()}
	if f.Type&fs.ModeSymlink != 0 {
		return f
	}
	if info, err := d.Info(); err == nil && info.Size() > maxFile {
		f.Size = info.Size()
		return f
	}
	if text, err := fs.ReadFile(w.FS, name); err == nil { // an error is met again when it is read
		f.Text, f.ID = text, ContentID(text)
	}
	return f
}

const contentID = "sha256:"

// ContentID identifies a content for Listed.
func ContentID(text []byte) string {
	sum := sha256.Sum256(text)
	return contentID + string(sum[:])
}

// readError is an error of reading a file without the file's name, which the finding has already.
func readError(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("the file can't be read: %w", pathError.Err)
	}
	return fmt.Errorf("the file can't be read: %w", err)
}
