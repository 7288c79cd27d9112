package bare

import (
	"container/heap"
	"slices"
)

// Ancestor tells whether a is b or one of its ancestors.
func (r *Repo) Ancestor(a, b Hash) (bool, error) {
	found := false
	err := r.visit([]Hash{b}, func(c Commit) bool {
		found = found || c.Hash == a
		return !found
	})
	return found, err
}

// visit walks commits from the tips, newest first, each once. It goes to a commit's parents only
// if more returns true.
func (r *Repo) visit(tips []Hash, more func(Commit) bool) error {
	var queue commitHeap
	seen := map[Hash]bool{}
	push := func(hashes []Hash) error {
		for _, h := range hashes {
			if seen[h] {
				continue
			}
			seen[h] = true
			c, err := r.Commit(h)
			if err != nil {
				return err
			}
			heap.Push(&queue, c)
		}
		return nil
	}
	if err := push(tips); err != nil {
		return err
	}
	for len(queue) > 0 {
		c := heap.Pop(&queue).(Commit)
		if !more(c) {
			continue
		}
		if err := push(c.Parents); err != nil {
			return err
		}
	}
	return nil
}

// ancestors is the set of commits reachable from the tips, the tips included.
func (r *Repo) ancestors(tips ...Hash) (map[Hash]bool, error) {
	set := map[Hash]bool{}
	err := r.visit(tips, func(c Commit) bool {
		set[c.Hash] = true
		return true
	})
	return set, err
}

// MergeBase is the newest best common ancestor of two commits; ok is false for unrelated
// histories. Of several best ones (a criss-cross) it takes the newest, where git would merge them.
func (r *Repo) MergeBase(a, b Hash) (base Hash, ok bool, err error) {
	ofA, err := r.ancestors(a)
	if err != nil {
		return Hash{}, false, err
	}
	var common []Hash
	err = r.visit([]Hash{b}, func(c Commit) bool {
		if ofA[c.Hash] {
			common = append(common, c.Hash)
			return false
		}
		return true
	})
	if err != nil || len(common) == 0 {
		return Hash{}, false, err
	}
	// A candidate that another candidate can reach is not a best one.
	for _, candidate := range common {
		best := true
		for _, other := range common {
			if other == candidate {
				continue
			}
			older, err := r.Ancestor(candidate, other)
			if err != nil {
				return Hash{}, false, err
			}
			best = best && !older
		}
		if best {
			return candidate, true, nil
		}
	}
	return common[0], true, nil
}

// Between returns the commits that head has and base hasn't, parents before children.
// A zero base excludes nothing.
func (r *Repo) Between(base, head Hash) ([]Commit, error) {
	exclude := map[Hash]bool{}
	if !base.IsZero() {
		var err error
		if exclude, err = r.ancestors(base); err != nil {
			return nil, err
		}
	}
	b := between{repo: r, done: exclude}
	if err := b.add(head); err != nil {
		return nil, err
	}
	return b.out, nil
}

// between orders commits topologically by an explicit depth-first stack, because histories are
// deeper than a call stack should be.
type between struct {
	repo *Repo
	done map[Hash]bool
	out  []Commit
}

func (b *between) add(head Hash) error {
	stack := []Hash{head}
	for len(stack) > 0 {
		h := stack[len(stack)-1]
		if b.done[h] {
			stack = stack[:len(stack)-1]
			continue
		}
		c, err := b.repo.Commit(h)
		if err != nil {
			return err
		}
		open := slices.DeleteFunc(slices.Clone(c.Parents), func(p Hash) bool { return b.done[p] })
		if len(open) > 0 {
			stack = append(stack, open...)
			continue
		}
		b.done[h] = true
		b.out = append(b.out, c)
		stack = stack[:len(stack)-1]
	}
	return nil
}

// Log returns commits reachable from head, newest first, at most limit. With a path, only those
// that changed it against their first parent.
func (r *Repo) Log(head Hash, path string, limit int) ([]Commit, error) {
	var out []Commit
	var failed error
	err := r.visit([]Hash{head}, func(c Commit) bool {
		if len(out) >= limit || failed != nil {
			return false
		}
		touched, err := r.touches(c, path)
		if err != nil {
			failed = err
		}
		if touched {
			out = append(out, c)
		}
		return true
	})
	if err == nil {
		err = failed
	}
	return out, err
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

// commitHeap is a heap.Interface, newest committer time on top; ids break ties.
type commitHeap []Commit

func (q commitHeap) Len() int      { return len(q) }
func (q commitHeap) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q commitHeap) Less(i, j int) bool {
	if !q[i].Committer.When.Equal(q[j].Committer.When) {
		return q[i].Committer.When.After(q[j].Committer.When)
	}
	return q[i].Hash.String() < q[j].Hash.String()
}
func (q *commitHeap) Push(x any) { *q = append(*q, x.(Commit)) }
func (q *commitHeap) Pop() any {
	last := len(*q) - 1
	c := (*q)[last]
	*q = (*q)[:last]
	return c
}
