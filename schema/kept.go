package schema

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/gob"
	"fmt"
	"io"
	"time"

	"tenantry.dev/reconciler/resource"
)

// A Cache keeps batches of bytes between runs. It is a help and never a duty: what it can't keep or
// can't vouch for, it forgets. Safe for concurrent use.
type Cache interface {
	// Find returns the newest batch that was added with a key, and the key's place among its keys. The
	// same batch is the same pointer for as long as somebody holds it.
	Find(key Sum) (batch *Batch, at int, ok bool)
	Add(keys []Sum, data []byte)
}

// A Batch is what was added to a cache at once. It is never changed.
type Batch struct{ Data []byte }

// A body is what an owner asks for: a part of a chunk.
type body struct {
	in       *chunk
	from, to int
}

// A chunk holds the bodies of some owners, compressed together, which makes them a fifteenth.
type chunk struct {
	packed []byte
	size   int
}

// perChunk is how many answers are kept together: more are smaller, fewer are opened faster.
const perChunk = 64

// pack compresses bodies.
func pack(bodies [][]byte) *chunk {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestSpeed) // the level is valid
	c := &chunk{}
	for _, text := range bodies {
		_, _ = w.Write(text) // a buffer takes everything
		c.size += len(text)
	}
	_ = w.Close()
	c.packed = bytes.Clone(b.Bytes())
	return c
}

// open decompresses a chunk.
func (c *chunk) open() ([]byte, error) {
	text := make([]byte, c.size)
	if _, err := io.ReadFull(flate.NewReader(bytes.NewReader(c.packed)), text); err != nil {
		return nil, fmt.Errorf("what was rendered is damaged: %w", err)
	}
	return text, nil
}

// resources decodes a body. Whatever is in memory was written by this process or bears a checksum, so
// that it can't be damaged.
func (b body) resources() []resource.Desired {
	if b.in == nil || b.from == b.to {
		return nil
	}
	text, err := b.in.open()
	if err != nil {
		return nil
	}
	list, err := resource.Unpack(text[b.from:b.to])
	if err != nil {
		return nil
	}
	return list
}

// A keeper puts answers into chunks, and chunks into the cache.
type keeper struct {
	loader *Loader
	world  *world
	at     time.Time
	open   []*kept
	bodies [][]byte
}

// answer keeps an answer about a file of this content; of an empty id, for this load alone.
func (p *keeper) answer(a *Answer, id string) *kept {
	k := &kept{Answer: *a, id: id, only: p.world.id, at: p.at}
	if k.Broken == "" && k.Placed.Needs != (Sum{}) {
		k.only = Sum{}
	}
	k.Body = nil
	p.open, p.bodies = append(p.open, k), append(p.bodies, a.Body)
	if len(p.open) == perChunk {
		p.seal()
	}
	return k
}

func (p *keeper) seal() {
	if len(p.open) == 0 {
		return
	}
	c, from := pack(p.bodies), 0
	for i, k := range p.open {
		k.body = body{in: c, from: from, to: from + len(p.bodies[i])}
		from = k.body.to
	}
	p.cache(c)
	p.open, p.bodies = nil, nil
}

// A stored is how a chunk is cached, before its compressed part.
type stored struct {
	Size    int
	Answers []recorded
}

type recorded struct {
	Answer
	ID       string
	Only     Sum
	From, To int
}

func (p *keeper) cache(c *chunk) {
	if p.loader.Cache == nil {
		return
	}
	r := stored{Size: c.size}
	var keys []Sum
	for _, k := range p.open {
		if k.id == "" || k.Secret || k.Stopped {
			continue
		}
		r.Answers = append(r.Answers, recorded{k.Answer, k.id, k.only, k.body.from, k.body.to})
		keys = append(keys, p.loader.key("file", k.File, k.id), p.loader.key("answer", k.File, k.id, string(k.Placed.Needs[:]), string(k.only[:])))
	}
	if len(keys) > 0 {
		p.loader.add(keys, r, c.packed)
	}
}

// finish keeps what is left, and what became known of the definitions.
func (p *keeper) finish() {
	p.seal()
	p.loader.keepWorld(p.world)
}

func (l *Loader) key(parts ...string) Sum {
	b := make([]byte, 0, 256)
	for _, part := range append([]string{l.Version}, parts...) {
		b = fmt.Appendf(b, "%d:%s", len(part), part)
	}
	return sha256.Sum256(b)
}

// add caches a head and what follows it as it is.
func (l *Loader) add(keys []Sum, head any, rest []byte) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(head); err != nil {
		return // it isn't cached then; a test encodes all there is
	}
	l.Cache.Add(keys, append(b.Bytes(), rest...))
}

// A worldRecord is how definitions are cached.
type worldRecord struct {
	At      time.Time
	Defined *Defined
	Needs   map[string]Sum
}

func (l *Loader) keepWorld(w *world) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.Cache == nil || !w.fresh || len(w.defined.Killed) > 0 {
		return
	}
	w.fresh = false
	l.add([]Sum{l.key("world", string(w.id[:]))}, worldRecord{w.at, w.defined, w.needs}, nil)
}

// recall finds definitions in the cache.
func (l *Loader) recall(id Sum, at time.Time) *world {
	if l.Cache == nil {
		return nil
	}
	b, _, ok := l.Cache.Find(l.key("world", string(id[:])))
	if !ok {
		return nil
	}
	var r worldRecord
	if err := gob.NewDecoder(bytes.NewReader(b.Data)).Decode(&r); err != nil || r.Defined == nil {
		return nil
	}
	w := &world{id: id, at: r.At, defined: r.Defined, needs: r.Needs}
	if w.needs == nil {
		w.needs = map[string]Sum{}
	}
	if r.Defined.Fleet != nil && r.Defined.Fleet.Broken == nil {
		r.Defined.Fleet.Broken = map[resource.Owner]string{}
	}
	if !w.holds(at) {
		return nil
	}
	return w
}

// A recaller finds answers in the cache. It opens each batch once.
type recaller struct {
	loader *Loader
	opened map[*Batch][]*kept
}

func (l *Loader) recaller() *recaller { return &recaller{l, map[*Batch][]*kept{}} }

// about finds the newest answer about a file, whatever it depends on.
func (r *recaller) about(e row) *kept { return r.find(e, r.loader.key("file", e.path, e.id)) }

// in finds the answer about a file in a world, given one in another.
func (r *recaller) in(e row, w *world, old *kept) *kept {
	needs, known := w.needsOf(old.Placed.Token)
	if known && needs != (Sum{}) {
		if k := r.find(e, r.loader.key("answer", e.path, e.id, string(needs[:]), string(make([]byte, len(Sum{}))))); k != nil && k.fits(w, w.at) {
			return k
		}
	}
	for _, needs := range []Sum{old.Placed.Needs, {}} {
		if k := r.find(e, r.loader.key("answer", e.path, e.id, string(needs[:]), string(w.id[:]))); k != nil && k.fits(w, w.at) {
			return k
		}
	}
	return nil
}

func (r *recaller) find(e row, key Sum) *kept {
	if r.loader.Cache == nil {
		return nil
	}
	b, at, ok := r.loader.Cache.Find(key)
	if !ok {
		return nil
	}
	answers, seen := r.opened[b]
	if !seen {
		answers = openStored(b)
		r.opened[b] = answers
	}
	if at /= 2; at < len(answers) && answers[at].File == e.path && answers[at].id == e.id { // two keys each
		return answers[at]
	}
	return nil
}

// openStored reads a batch of answers; none if it isn't one.
func openStored(b *Batch) []*kept {
	var head stored
	text := bytes.NewReader(b.Data)
	if err := gob.NewDecoder(text).Decode(&head); err != nil {
		return nil
	}
	c := &chunk{size: head.Size, packed: b.Data[len(b.Data)-text.Len():]}
	out := make([]*kept, len(head.Answers))
	for i := range head.Answers {
		a := &head.Answers[i]
		if a.From < 0 || a.To < a.From || a.To > c.size {
			return nil
		}
		out[i] = &kept{Answer: a.Answer, id: a.ID, only: a.Only, body: body{c, a.From, a.To}}
	}
	return out
}
