package schema

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"tenantry.dev/reconciler/resource"
)

// A Loader reads fleets. It evaluates nothing itself, and asks its evaluator for only what it doesn't
// know from earlier loads or from the cache. Safe for concurrent use; loads share what they know.
type Loader struct {
	Evaluator Evaluator
	// Cache keeps what is known between runs; may be nil.
	Cache Cache
	// Version identifies the program: what another version found out is never used.
	Version string

	mu     sync.Mutex
	worlds []*world    // the newest use last
	known  []*snapshot // of the last loads, the newest use last

	check crosscheck
}

// remembered is how many sets of definitions, and how many loads, are kept in memory: the watched
// branch, what it was before, and the merge results of a few pull requests.
const remembered = 8

// Load reads a fleet and finds every mistake in it in one pass, sorted by file, line and column.
// What is broken is left out of the fleet and named in Broken; the rest is usable. The fleet is nil
// if fsys holds no fleet that could be used at all, and then a finding says why.
//
// at is the time at which expiries are judged. The same files at another time give the same, until
// Fleet.Until.
//
// An error means that the evaluation itself didn't work, which says nothing of the files.
func (l *Loader) Load(ctx context.Context, fsys fs.FS, at time.Time) (*Fleet, []Finding, error) {
	files, err := list(fsys)
	if err != nil {
		return nil, unusable(fmt.Sprintf("the folder can't be read: %v", err)).Found, nil
	}
	return l.load(ctx, files, at)
}

func (l *Loader) load(ctx context.Context, files *listing, at time.Time) (*Fleet, []Finding, error) {
	w, err := l.world(ctx, files, at)
	if err != nil {
		return nil, nil, fmt.Errorf("evaluate the definitions: %w", err)
	}
	if w.defined.Fleet == nil {
		return nil, sorted(slices.Clone(w.defined.Found)), nil
	}
	s, err := l.evaluate(ctx, files, w, at)
	if err != nil {
		return nil, nil, fmt.Errorf("evaluate the tenants: %w", err)
	}
	fleet, found := assemble(w.defined, w.cells(), s.rows, l.check.find(s.rows, w.defined.Limits))
	fleet.At, fleet.Digest = at, files.digest(w.id)
	if len(w.defined.Killed) > 0 || slices.ContainsFunc(s.rows, func(r row) bool { return r.answer.Stopped }) {
		fleet.Retry = at.Add(patience + time.Second)
	}
	files.forget()
	fleet.files.listing, fleet.files.loader = files, l
	return fleet, sorted(found), nil
}

// A world is one set of definitions, evaluated.
type world struct {
	id      Sum
	at      time.Time
	defined *Defined

	mu    sync.Mutex
	files []File         // nil until an evaluator has to see them
	needs map[string]Sum // by the token of a place
	fresh bool           // the cache doesn't have all of it
	kept  []*kept        // what is said of the cells; nil until somebody asks
}

// cells are the answers about the cells. They are compressed once.
func (w *world) cells() []*kept {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kept == nil {
		for _, a := range w.defined.Cells {
			k := &kept{Answer: *a, body: body{in: pack([][]byte{a.Body}), to: len(a.Body)}}
			k.Body = nil
			w.kept = append(w.kept, k)
		}
	}
	return w.kept
}

// holds tells whether what was evaluated is so at another time.
func (w *world) holds(at time.Time) bool {
	if w.at.Equal(at) {
		return true
	}
	f := w.defined.Fleet
	if len(w.defined.Killed) > 0 && at.Sub(w.at) > patience {
		return false
	}
	return w.at.Before(at) && (f == nil || f.Until.IsZero() || at.Before(f.Until))
}

// definitions are what an evaluator is given.
func (w *world) definitions(files *listing) Definitions {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.files == nil {
		w.files = files.texts()
	}
	return Definitions{ID: w.id, Files: w.files, At: w.at, Killed: w.defined.Killed}
}

func (w *world) needsOf(token string) (Sum, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sum, known := w.needs[token]
	return sum, known
}

func (w *world) learn(p Placed) {
	if p.Token == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.needs[p.Token]; !known {
		w.needs[p.Token], w.fresh = p.Needs, true
	}
}

// world evaluates the definitions, or finds them evaluated.
func (l *Loader) world(ctx context.Context, files *listing, at time.Time) (*world, error) {
	id, sound := files.identify(l.Version)
	l.mu.Lock()
	i := slices.IndexFunc(l.worlds, func(w *world) bool { return w.id == id && w.holds(at) })
	if i >= 0 {
		w := l.worlds[i]
		l.worlds = append(slices.Delete(l.worlds, i, i+1), w)
		l.mu.Unlock()
		return w, nil
	}
	l.mu.Unlock()
	w := l.recall(id, at)
	if w == nil {
		w = &world{id: id, at: at, needs: map[string]Sum{}, fresh: sound, files: files.texts()}
		var err error
		if w.defined, err = l.Evaluator.Define(ctx, Definitions{ID: id, Files: w.files, At: at}); err != nil {
			return nil, err
		}
	}
	if sound {
		l.mu.Lock()
		l.worlds = append(l.worlds[max(0, len(l.worlds)-remembered+1):], w)
		l.mu.Unlock()
	}
	return w, nil
}

// A snapshot is what a load found out about each tenant's file.
type snapshot struct{ rows []row } // sorted by path

type row struct {
	path, id string
	answer   *kept
}

// A kept is an answer in memory, with what it depends on. It is never changed.
type kept struct {
	Answer // without Body
	id     string
	// only is the set of definitions that a broken tenant's answer is about. Its findings may be about
	// any of them.
	only Sum
	at   time.Time // of the load that asked
	body body
}

// patience is for how long it is believed that an evaluation reaches a limit again.
const patience = 15 * time.Minute

// fits tells whether an answer about the same file is so in this world.
func (k *kept) fits(w *world, at time.Time) bool {
	if k.Stopped && at.Sub(k.at) > patience {
		return false
	}
	if k.Broken != "" || k.Placed.Needs == (Sum{}) {
		return k.only == w.id
	}
	needs, known := w.needsOf(k.Placed.Token)
	return known && needs == k.Placed.Needs
}

// evaluate finds the answer about every tenant: in memory, in the cache, or from the evaluator.
func (l *Loader) evaluate(ctx context.Context, files *listing, w *world, at time.Time) (*snapshot, error) {
	s := &snapshot{rows: make([]row, len(files.tenants))}
	for i, f := range files.tenants {
		s.rows[i] = row{path: f.Path, id: f.ID}
	}
	l.mu.Lock()
	known := slices.Clone(l.known)
	l.mu.Unlock()
	slices.Reverse(known)
	old := make([]*kept, len(s.rows)) // about the file, if not in this world
	for _, before := range known {
		s.match(before, func(i int, k *kept) { old[i] = cmp.Or(old[i], k) })
	}
	recalled := l.recaller()
	for i := range s.rows {
		if old[i] == nil && s.rows[i].id != "" {
			old[i] = recalled.about(s.rows[i])
		}
	}
	if err := l.place(ctx, files, w, old); err != nil {
		return nil, err
	}
	for i := range s.rows {
		if old[i] != nil && old[i].fits(w, at) {
			s.rows[i].answer = old[i]
		}
	}
	for _, before := range known {
		s.match(before, func(i int, k *kept) {
			if s.rows[i].answer == nil && k.fits(w, at) {
				s.rows[i].answer = k
			}
		})
	}
	for i := range s.rows {
		if s.rows[i].answer == nil && old[i] != nil {
			s.rows[i].answer = recalled.in(s.rows[i], w, old[i])
		}
	}
	if err := l.ask(ctx, files, w, s, at); err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.known = append(l.known[max(0, len(l.known)-remembered+1):], s)
	l.mu.Unlock()
	return s, nil
}

// match calls each for every row that has the same file as one of another snapshot.
func (s *snapshot) match(other *snapshot, each func(i int, k *kept)) {
	j := 0
	for i := range s.rows {
		for j < len(other.rows) && other.rows[j].path < s.rows[i].path {
			j++
		}
		if j < len(other.rows) && other.rows[j].path == s.rows[i].path && s.rows[i].id != "" && other.rows[j].id == s.rows[i].id {
			each(i, other.rows[j].answer)
		}
	}
}

// place finds out what the places of sound tenants depend on in a world that nobody has asked about
// them. One tenant of a place is enough to ask.
func (l *Loader) place(ctx context.Context, files *listing, w *world, old []*kept) error {
	var ask []File
	asked := map[string]bool{}
	for i, k := range old {
		if k == nil || k.Broken != "" || asked[k.Placed.Token] {
			continue
		}
		asked[k.Placed.Token] = true
		if _, known := w.needsOf(k.Placed.Token); !known {
			ask = append(ask, files.read(files.tenants[i]))
		}
	}
	if len(ask) == 0 {
		return nil
	}
	placed, err := l.Evaluator.Places(ctx, w.definitions(files), ask)
	for _, p := range placed {
		w.learn(p)
	}
	return err
}

// ask has the evaluator answer what isn't known, and keeps the answers.
func (l *Loader) ask(ctx context.Context, files *listing, w *world, s *snapshot, at time.Time) error {
	var ask []File
	index := map[string]int{}
	keep := &keeper{loader: l, world: w, at: at}
	for i := range s.rows {
		if s.rows[i].answer != nil {
			continue
		}
		f := files.read(files.tenants[i])
		if f.Trouble != "" { // which may be over the next time
			s.rows[i].id = ""
			s.rows[i].answer = keep.answer(troubled(f), "")
			continue
		}
		index[f.Path] = i
		ask = append(ask, f)
	}
	if len(ask) > 0 {
		err := l.Evaluator.Tenants(ctx, w.definitions(files), ask, func(a *Answer) {
			w.learn(a.Placed)
			i := index[a.File]
			s.rows[i].answer = keep.answer(a, s.rows[i].id)
		})
		if err != nil {
			return err
		}
	}
	for i := range s.rows {
		if s.rows[i].answer == nil {
			return fmt.Errorf("there is no answer about %s", s.rows[i].path)
		}
	}
	keep.finish()
	return nil
}

// troubled is the answer about a tenant's file that can't be read.
func troubled(f File) *Answer {
	src, found := parseTenant(f)
	a := &answer{owner: resource.Tenant(src.name()), source: src}
	for _, x := range found {
		a.add(x)
	}
	return a.export()
}

// identify identifies the definitions, and tells whether all of them could be read.
func (l *listing) identify(version string) (id Sum, sound bool) {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q\n", version) // a hash never fails to be written to
	sound = true
	for i := range l.definitions {
		f := &l.definitions[i]
		named := f.ID
		if named == "" {
			read := l.read(*f)
			sound = sound && read.Trouble == ""
			if f.Text, named = read.Text, "trouble:"+read.Trouble; read.Trouble == "" {
				named = ContentID(read.Text)
			}
		}
		_, _ = fmt.Fprintf(h, "%q %q\n", f.Path, named)
	}
	return Sum(h.Sum(nil)), sound
}

// texts reads the definitions.
func (l *listing) texts() []File {
	files := make([]File, len(l.definitions))
	for i, f := range l.definitions {
		files[i] = l.read(f)
	}
	return files
}

// forget drops the contents, which can be read again.
func (l *listing) forget() {
	for i := range l.definitions {
		l.definitions[i].Text = nil
	}
	for i := range l.tenants {
		l.tenants[i].Text = nil
	}
}

// digest identifies all files of the fleet and the program that read them.
func (l *listing) digest(definitions Sum) string {
	h := sha256.New()
	_, _ = h.Write(definitions[:])
	var b []byte
	for _, f := range l.tenants {
		b = append(append(append(append(b[:0], f.Path...), 0), f.ID...), 0)
		_, _ = h.Write(b)
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil))
}
