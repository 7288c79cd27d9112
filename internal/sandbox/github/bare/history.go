package bare

import (
	"cmp"
	"container/heap"
	"slices"
)

// generation is the length of the longest line of parents below a commit. A commit's is greater
// than those of all its ancestors, whatever the clocks of those who wrote them said.
func (r *Repo) generation(h Hash) (int, error) {
	stack := []Hash{h}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		if _, known := r.generations[at]; known {
			stack = stack[:len(stack)-1]
			continue
		}
		c, err := r.Commit(at)
		if err != nil {
			return 0, err
		}
		highest, ready := 0, true
		for _, p := range c.Parents {
			g, known := r.generations[p]
			if !known {
				stack, ready = append(stack, p), false
			}
			highest = max(highest, g)
		}
		if ready {
			r.generations[at] = highest + 1
		}
	}
	return r.generations[h], nil
}

// paint is how a commit is reached by a walk from two sides.
type paint uint8

const (
	left  paint = 1 << iota // from the one side
	right                   // from the other
	stale                   // through a commit that is reached from both
	both  = left | right
)

// walk visits commits from their descendants down, so that each is seen once, with all its paint.
type walk struct {
	repo   *Repo
	queue  commitHeap
	paints map[Hash]paint
}

func (r *Repo) newWalk(from map[Hash]paint) (*walk, error) {
	w := &walk{repo: r, paints: map[Hash]paint{}}
	for h, p := range from {
		if err := w.add(h, p); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *walk) add(h Hash, p paint) error {
	_, known := w.paints[h]
	w.paints[h] |= p
	if known {
		return nil
	}
	g, err := w.repo.generation(h)
	if err != nil {
		return err
	}
	c, err := w.repo.Commit(h)
	if err != nil {
		return err
	}
	heap.Push(&w.queue, waiting{g, c})
	return nil
}

// pending tells whether a commit waits whose paint satisfies want.
func (w *walk) pending(want func(paint) bool) bool {
	return slices.ContainsFunc(w.queue, func(q waiting) bool { return want(w.paints[q.Hash]) })
}

// next takes the commit off that no other waiting one descends from.
func (w *walk) next() (Commit, paint) {
	c := heap.Pop(&w.queue).(waiting).Commit
	return c, w.paints[c.Hash]
}

func (w *walk) parents(c Commit, p paint) error {
	for _, parent := range c.Parents {
		if err := w.add(parent, p); err != nil {
			return err
		}
	}
	return nil
}

// Ancestor tells whether a is b or one of its ancestors.
func (r *Repo) Ancestor(a, b Hash) (bool, error) {
	floor, err := r.generation(a)
	if err != nil {
		return false, err
	}
	w, err := r.newWalk(map[Hash]paint{b: left})
	if err != nil {
		return false, err
	}
	for len(w.queue) > 0 && w.queue[0].generation >= floor {
		c, p := w.next()
		if c.Hash == a {
			return true, nil
		}
		if err := w.parents(c, p); err != nil {
			return false, err
		}
	}
	return false, nil
}

// MergeBase is the best common ancestor of two commits; ok is false for unrelated histories. Of
// several best ones (a criss-cross) it takes the newest, where git would merge them.
func (r *Repo) MergeBase(a, b Hash) (base Hash, ok bool, err error) {
	if a == b {
		return a, true, nil
	}
	w, err := r.newWalk(map[Hash]paint{a: left, b: right})
	if err != nil {
		return Hash{}, false, err
	}
	var best []Commit
	for w.pending(func(p paint) bool { return p&stale == 0 }) {
		c, p := w.next()
		if p == both {
			best = append(best, c)
			p |= stale
		}
		if err := w.parents(c, p); err != nil {
			return Hash{}, false, err
		}
	}
	if len(best) == 0 {
		return Hash{}, false, nil
	}
	return slices.MaxFunc(best, older).Hash, true, nil
}

// older orders commits by their committers' clocks; ids break ties.
func older(a, b Commit) int {
	return cmp.Or(a.Committer.When.Compare(b.Committer.When), cmp.Compare(a.Hash.String(), b.Hash.String()))
}

// Between returns the commits that head has and base hasn't, parents before children.
// A zero base excludes nothing.
func (r *Repo) Between(base, head Hash) ([]Commit, error) {
	from := map[Hash]paint{head: left}
	if !base.IsZero() {
		from[base] |= right
	}
	w, err := r.newWalk(from)
	if err != nil {
		return nil, err
	}
	var out []Commit
	for w.pending(func(p paint) bool { return p == left }) {
		c, p := w.next()
		if p == left {
			out = append(out, c)
		}
		if err := w.parents(c, p); err != nil {
			return nil, err
		}
	}
	slices.Reverse(out)
	return out, nil
}

// Log returns commits reachable from head, children before parents, at most limit. With a path, only those
// that changed it against their first parent.
func (r *Repo) Log(head Hash, path string, limit int) ([]Commit, error) {
	var out []Commit
	w, err := r.newWalk(map[Hash]paint{head: left})
	if err != nil {
		return nil, err
	}
	for len(w.queue) > 0 && len(out) < limit {
		c, p := w.next()
		touched, err := r.touches(c, path)
		if err != nil {
			return nil, err
		}
		if touched {
			out = append(out, c)
		}
		if err := w.parents(c, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *Repo) touches(c Commit, path string) (bool, error) {
	if path == "" {
		return true, nil
	}
	now, _ := r.Lookup(c.Tree, path)
	if len(c.Parents) == 0 {
		return now.exists(), nil
	}
	p, err := r.Commit(c.Parents[0])
	if err != nil {
		return false, err
	}
	before, _ := r.Lookup(p.Tree, path)
	return !now.same(before), nil
}

// waiting is a commit in a walk.
type waiting struct {
	generation int
	Commit
}

// commitHeap is a heap.Interface with the highest generation on top; of equals, the newest.
type commitHeap []waiting

func (q commitHeap) Len() int      { return len(q) }
func (q commitHeap) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q commitHeap) Less(i, j int) bool {
	if q[i].generation != q[j].generation {
		return q[i].generation > q[j].generation
	}
	return older(q[i].Commit, q[j].Commit) > 0
}
func (q *commitHeap) Push(x any) { *q = append(*q, x.(waiting)) }
func (q *commitHeap) Pop() any {
	last := len(*q) - 1
	c := (*q)[last]
	*q = (*q)[:last]
	return c
}
