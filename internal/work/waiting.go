package work

import (
	"cmp"
	"container/heap"
	"sync"
	"time"
)

// ageing is how long a key waits until it counts as one priority higher, so that a storm of
// commits doesn't keep scans waiting for ever.
const ageing = 10 * time.Minute

// waiting is the keys that wait, in the order of their turns. It is the storage of a
// workqueue.Typed, which calls Push, Touch, Pop and Len inside its own lock and passes no priority;
// that comes beside it, by offer.
//
//	offer, Add ─▶ Push or Touch takes the offer       the key waits with at least that priority
//	offer, Add ─▶ nothing: the key is being worked on  the offer stays until Push puts the key back
//	offer, Pop, Add                                    the offer outlives the Pop, as above
type waiting struct {
	heap   turns // touched only inside the workqueue's lock, as is pushed
	pushed int

	mu     sync.Mutex
	offers map[Key]Priority
	runs   map[Key]Priority // of the keys that were popped, until taken asks
}

// A turn is one key that waits.
type turn struct {
	key   Key
	p     Priority
	since time.Time
	order int // among those since the same time
	place int // in the heap
}

func newWaiting() *waiting {
	return &waiting{heap: turns{by: map[Key]*turn{}}, offers: map[Key]Priority{}, runs: map[Key]Priority{}}
}

// offer notes the priority of a key that is about to be added. Offers add up to the highest.
func (w *waiting) offer(key Key, p Priority) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if before, ok := w.offers[key]; !ok || p > before {
		w.offers[key] = p
	}
}

// accept takes the offer of a key; Scan if there is none.
func (w *waiting) accept(key Key) Priority {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.offers[key]
	delete(w.offers, key)
	return p
}

// taken returns the priority that a key had when it was popped.
func (w *waiting) taken(key Key) Priority {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.runs[key]
	delete(w.runs, key)
	return p
}

// Push implements workqueue.Queue.
func (w *waiting) Push(key Key) {
	w.pushed++
	heap.Push(&w.heap, &turn{key: key, p: w.accept(key), since: time.Now(), order: w.pushed})
}

// Touch implements workqueue.Queue: a waiting key was added again.
func (w *waiting) Touch(key Key) {
	t := w.heap.by[key]
	if p := w.accept(key); p > t.p {
		t.p = p
		heap.Fix(&w.heap, t.place)
	}
}

// Pop implements workqueue.Queue.
func (w *waiting) Pop() Key {
	t := heap.Pop(&w.heap).(*turn)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs[t.key] = t.p
	return t.key
}

// Len implements workqueue.Queue.
func (w *waiting) Len() int { return w.heap.Len() }

// turns is a heap.Interface of the keys that wait.
type turns struct {
	list []*turn
	by   map[Key]*turn
}

func (t turns) Len() int { return len(t.list) }

// Less puts the higher priority first, and within one the key that has waited longer. Time counts
// as much as priority at the rate of ageing, and the order of two keys never changes while they wait.
func (t turns) Less(i, j int) bool {
	a, b := t.list[i], t.list[j]
	return cmp.Or(a.due().Compare(b.due()), cmp.Compare(a.order, b.order)) < 0
}

func (t *turn) due() time.Time { return t.since.Add(-time.Duration(t.p) * ageing) }

func (t turns) Swap(i, j int) {
	t.list[i], t.list[j] = t.list[j], t.list[i]
	t.list[i].place, t.list[j].place = i, j
}

// Push implements heap.Interface.
func (t *turns) Push(x any) {
	added := x.(*turn)
	added.place = len(t.list)
	t.list = append(t.list, added)
	t.by[added.key] = added
}

// Pop implements heap.Interface.
func (t *turns) Pop() any {
	last := t.list[len(t.list)-1]
	t.list[len(t.list)-1] = nil
	t.list = t.list[:len(t.list)-1]
	delete(t.by, last.key)
	return last
}
