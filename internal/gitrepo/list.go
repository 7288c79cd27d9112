package gitrepo

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"tenantry.dev/schema"
)

var (
	_ schema.Lister = (*tree)(nil)
	_ schema.Lister = files{}
)

// listings remembers what is in each folder, by the hash of its tree and its path, so that a commit is
// listed by reading the folders that it changed. Safe for concurrent use.
type listings struct {
	mu    sync.Mutex
	known map[listingKey]*listing
	size  int // entries in all
}

type listingKey struct {
	hash plumbing.Hash
	path string
}

// A listing is a folder as it is listed: its own files, and its folders.
type listing struct {
	files   []schema.Listed
	folders []node
}

// maxListed is how many entries are remembered before all are forgotten.
const maxListed = 1 << 20

func (l *listings) get(key listingKey) *listing {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[key]
}

func (l *listings) put(key listingKey, in *listing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil || l.size > maxListed {
		l.known, l.size = map[listingKey]*listing{}, 0
	}
	l.known[key] = in
	l.size += len(in.files) + len(in.folders) + 1
}

// List implements schema.Lister. The ID of a file is that of its blob. What may not be opened has none.
func (t *tree) List(wanted func(path string, folder bool) bool) ([]schema.Listed, error) {
	var out []schema.Listed
	if err := t.collect(t.root, ".", 0, wanted, &out); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b schema.Listed) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

func (t *tree) collect(n node, at string, depth int, wanted func(string, bool) bool, out *[]schema.Listed) error {
	if depth > maxDepth {
		return fmt.Errorf("read folder %s: it is more than %d folders deep", at, maxDepth)
	}
	in, err := t.listing(n, at)
	if err != nil {
		return fmt.Errorf("read folder %s: %w", at, err)
	}
	for _, f := range in.files {
		if wanted(f.Path, false) {
			*out = append(*out, f)
		}
	}
	for _, below := range in.folders {
		if name := path.Join(at, below.name); wanted(name, true) {
			if below.refused != "" { // nobody knows what would be missing
				return fmt.Errorf("read folder %s: %s", name, below.refused)
			}
			if err := t.collect(below, name, depth+1, wanted, out); err != nil {
				return err
			}
		}
	}
	return nil
}

// listing reads a folder, or finds it read.
func (t *tree) listing(n node, at string) (*listing, error) {
	key := listingKey{n.hash, at}
	if in := t.listings.get(key); in != nil {
		return in, nil
	}
	f, err := t.folder(n.hash)
	if err != nil {
		return nil, err
	}
	in := &listing{}
	for _, below := range f.nodes {
		if below.folder() {
			in.folders = append(in.folders, below)
			continue
		}
		listed := schema.Listed{Path: path.Join(at, below.name), Type: t.info(below).mode.Type()}
		if below.refused == "" {
			listed.ID = "blob:" + string(below.hash[:])
		}
		in.files = append(in.files, listed)
	}
	t.listings.put(key, in)
	return in, nil
}

// List implements schema.Lister by reading all files that are wanted.
func (f files) List(wanted func(path string, folder bool) bool) ([]schema.Listed, error) {
	var out []schema.Listed
	if err := list(f.root, ".", 0, wanted, &out); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b schema.Listed) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// list lists a folder through a root of its own, so that each file is opened by its name alone.
func list(root *os.Root, at string, depth int, wanted func(string, bool) bool, out *[]schema.Listed) error {
	if depth > maxDepth {
		return fmt.Errorf("read folder %s: it is more than %d folders deep", at, maxDepth)
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return fmt.Errorf("read folder %s: %w", at, cause(err))
	}
	for _, e := range withoutGit(entries) {
		name := path.Join(at, e.Name())
		switch {
		case !wanted(name, e.IsDir()):
		case !e.IsDir():
			*out = append(*out, listFile(root, name, e))
		case nameRefusal(e.Name()) != "":
			return fmt.Errorf("read folder %s: %s", name, nameRefusal(e.Name()))
		default:
			below, err := root.OpenRoot(e.Name())
			if err != nil {
				return fmt.Errorf("read folder %s: %w", name, cause(err))
			}
			err = list(below, name, depth+1, wanted, out)
			_ = below.Close() // it was only read from
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// listFile reads a file of a folder. What can't be read gets no ID, and opens as an error that says why.
func listFile(root *os.Root, name string, e fs.DirEntry) schema.Listed {
	listed := schema.Listed{Path: name, Type: e.Type()}
	if !e.Type().IsRegular() || nameRefusal(e.Name()) != "" {
		return listed
	}
	file, err := root.Open(filepath.FromSlash(e.Name()))
	if err != nil {
		return listed
	}
	defer func() { _ = file.Close() }() // it was only read from
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return listed
	}
	if info.Size() > maxListedFile {
		listed.Size = info.Size()
		return listed
	}
	text := make([]byte, info.Size(), info.Size()+1)
	if _, err := io.ReadFull(file, text); err == nil {
		listed.Text, listed.ID = text, schema.ContentID(text)
	}
	return listed
}

// maxListedFile is how large a definition may be to be read while it is listed.
const maxListedFile = 1 << 20
