// Package rendercache keeps what definitions came to on the disk, so that a start needn't evaluate what
// was evaluated before. It is a file that is only added to. What in it is damaged, or was cut off
// when a process died, is as if it had never been added.
package rendercache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"weak"

	"github.com/gofrs/flock"

	"tenantry.dev/schema"
)

var _ schema.Cache = (*Cache)(nil)

// magic is what the file begins with. Another version's file is begun anew.
const magic = "tenantry renderings 1\n"

// MaxSize is how large a file may become, in bytes, before the half of it that was used last is kept.
const MaxSize = 512 << 20

// A Cache is one file. Of several processes that open it, the first adds to it and the others read what
// there was. Safe for concurrent use.
type Cache struct {
	path string
	most int64

	mu      sync.Mutex
	file    *os.File // nil when closed
	lock    *flock.Flock
	writes  bool
	size    int64
	clock   int
	records []record
	index   map[schema.Sum]place
}

// A record is one batch in the file: its head with the keys, and its data.
type record struct {
	keys   []schema.Sum
	from   int64 // of the data
	length int
	sum    schema.Sum // of the data
	last   int        // when it was used, on the cache's clock
	batch  weak.Pointer[schema.Batch]
}

type place struct{ record, at int }

// Open opens the file and makes it if there is none. An error means that there is no cache, which is
// no reason to do without what it would help with.
func Open(path string, most int64) (*Cache, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	c := &Cache{path: path, most: most, lock: flock.New(path+".lock", flock.SetPermissions(0o600))}
	var err error
	if c.writes, err = c.lock.TryLock(); err != nil {
		return nil, fmt.Errorf("cache: lock %s: %w", path, err)
	}
	if c.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("cache: %w", err), c.lock.Unlock())
	}
	if err := c.scan(); err != nil {
		return nil, errors.Join(fmt.Errorf("cache: read %s: %w", path, err), c.Close())
	}
	return c, nil
}

// Close ends the use of the file. Nothing is found after it, and nothing kept.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return nil
	}
	err := errors.Join(c.file.Close(), c.lock.Unlock())
	c.file, c.index = nil, nil
	return err
}

// The head of a record: the number of keys, the length of the data, the data's sum, the keys, and the
// sum of all that.
const (
	fixedSize = 4 + 4 + sha256.Size
	keySize   = sha256.Size
	mostKeys  = 1 << 16
	mostData  = 1 << 30
)

// scan reads the heads, up to the first that isn't whole.
func (c *Cache) scan() error {
	c.records, c.index, c.size = nil, map[schema.Sum]place{}, int64(len(magic))
	info, err := c.file.Stat()
	if err != nil {
		return err
	}
	begin := make([]byte, len(magic))
	if _, err := c.file.ReadAt(begin, 0); err != nil || string(begin) != magic {
		if !c.writes {
			return nil // another process is about to begin it
		}
		return c.begin()
	}
	for {
		r, ok := readHead(c.file, c.size, info.Size())
		if !ok {
			break
		}
		c.note(r)
		c.size = r.from + int64(r.length)
	}
	if c.writes && c.size < info.Size() {
		return c.file.Truncate(c.size)
	}
	return nil
}

func (c *Cache) begin() error {
	if err := c.file.Truncate(0); err != nil {
		return err
	}
	_, err := c.file.WriteAt([]byte(magic), 0)
	return err
}

// readHead reads a record's head at a place of a file of some size.
func readHead(file io.ReaderAt, at, size int64) (record, bool) {
	fixed := make([]byte, fixedSize)
	if _, err := file.ReadAt(fixed, at); err != nil {
		return record{}, false
	}
	n, length := binary.LittleEndian.Uint32(fixed), binary.LittleEndian.Uint32(fixed[4:])
	if n > mostKeys || length > mostData {
		return record{}, false
	}
	head := make([]byte, fixedSize+int(n)*keySize+sha256.Size)
	if _, err := file.ReadAt(head, at); err != nil {
		return record{}, false
	}
	body, sum := head[:len(head)-sha256.Size], head[len(head)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(want[:], sum) {
		return record{}, false
	}
	r := record{from: at + int64(len(head)), length: int(length), sum: schema.Sum(fixed[8:])}
	for i := range int(n) {
		r.keys = append(r.keys, schema.Sum(body[fixedSize+i*keySize:]))
	}
	return r, r.from+int64(r.length) <= size
}

func writeHead(keys []schema.Sum, data []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(keys))) //nolint:gosec // see mostKeys
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))    //nolint:gosec // see mostData
	sum := sha256.Sum256(data)
	b = append(b, sum[:]...)
	for _, k := range keys {
		b = append(b, k[:]...)
	}
	sum = sha256.Sum256(b)
	return append(b, sum[:]...)
}

// note makes a record known; the newest of a key counts.
func (c *Cache) note(r record) {
	c.records = append(c.records, r)
	for i, key := range r.keys {
		c.index[key] = place{len(c.records) - 1, i}
	}
}

// Find implements schema.Cache.
func (c *Cache) Find(key schema.Sum) (*schema.Batch, int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.index[key]
	if !ok || c.file == nil {
		return nil, 0, false
	}
	r := &c.records[at.record]
	c.clock++
	r.last = c.clock
	if b := r.batch.Value(); b != nil {
		return b, at.at, true
	}
	data, ok := c.read(r)
	if !ok {
		for _, k := range r.keys {
			delete(c.index, k)
		}
		return nil, 0, false
	}
	b := &schema.Batch{Data: data}
	r.batch = weak.Make(b)
	return b, at.at, true
}

// read reads a record's data, if that is what was written.
func (c *Cache) read(r *record) ([]byte, bool) {
	data := make([]byte, r.length)
	if _, err := c.file.ReadAt(data, r.from); err != nil {
		return nil, false
	}
	return data, sha256.Sum256(data) == r.sum
}

// Add implements schema.Cache.
func (c *Cache) Add(keys []schema.Sum, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil || !c.writes || len(keys) > mostKeys || len(data) > mostData {
		return
	}
	if c.size+int64(len(data)) > c.most && c.shrink() != nil {
		c.writes = false
		return
	}
	if !c.append(slices.Clone(keys), data) {
		c.writes = false // the disk is full, or worse; what was kept stays good
	}
}

func (c *Cache) append(keys []schema.Sum, data []byte) bool {
	c.clock++
	head := writeHead(keys, data)
	if _, err := c.file.WriteAt(append(head, data...), c.size); err != nil {
		return false
	}
	r := record{keys: keys, from: c.size + int64(len(head)), length: len(data), sum: sha256.Sum256(data), last: c.clock}
	c.note(r)
	c.size = r.from + int64(r.length)
	return true
}

// shrink writes the file anew with what was used last, up to half of what it may hold.
func (c *Cache) shrink() error {
	order := make([]int, len(c.records))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return c.records[b].last - c.records[a].last })
	keep, left := map[int]bool{}, c.most/2
	for _, i := range order {
		if left -= int64(c.records[i].length); left < 0 {
			break
		}
		keep[i] = true
	}
	fresh, err := os.CreateTemp(filepath.Dir(c.path), filepath.Base(c.path)+".*")
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	next := &Cache{path: c.path, most: c.most, file: fresh, writes: true, size: int64(len(magic)), index: map[schema.Sum]place{}}
	err = next.begin()
	for i := range c.records {
		if r := &c.records[i]; keep[i] && err == nil {
			if data, ok := c.read(r); ok && !next.append(r.keys, data) {
				err = errors.New("cache: write it anew")
			}
		}
	}
	if err == nil {
		err = os.Rename(fresh.Name(), c.path)
	}
	if err != nil {
		return errors.Join(err, fresh.Close(), os.Remove(fresh.Name()))
	}
	old := c.file
	c.file, c.size, c.clock, c.records, c.index = fresh, next.size, next.clock, next.records, next.index
	return old.Close()
}
