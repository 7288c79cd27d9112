package bare

import (
	"path"
	"slices"
	"strings"
)

// MergeTrees merges two trees that come from a common one: entry by entry, and line by line where
// both sides changed a file. Paths in conflicts (sorted) could not be merged, and then the tree is
// the zero hash. Renames are not followed.
func (r *Repo) MergeTrees(base, ours, theirs Hash) (tree Hash, conflicts []string, err error) {
	m := merge{repo: r}
	e, err := m.entry("", folder(base), folder(ours), folder(theirs))
	if err != nil {
		return Hash{}, nil, err
	}
	if len(m.conflicts) > 0 {
		slices.Sort(m.conflicts)
		return Hash{}, m.conflicts, nil
	}
	if !e.exists() { // everything was removed
		h, err := r.PutTree(nil)
		return h, nil, err
	}
	return e.Hash, nil, nil
}

// folder is a tree as an entry. The zero hash stands for the empty tree.
func folder(h Hash) Entry { return Entry{Mode: ModeTree, Hash: h} }

type merge struct {
	repo      *Repo
	conflicts []string
}

// entry merges what three trees have at one path:
//
//	both sides the same    that
//	only ours changed      ours
//	only theirs changed    theirs
//	all are folders        folder by folder (a missing base counts as an empty one)
//	all are files          line by line
//	otherwise              a conflict
func (m *merge) entry(at string, base, ours, theirs Entry) (Entry, error) {
	switch {
	case ours.same(theirs), theirs.same(base):
		return ours, nil
	case ours.same(base):
		return theirs, nil
	case ours.IsTree() && theirs.IsTree():
		return m.folders(at, base, ours, theirs)
	case isText(base) && isText(ours) && isText(theirs):
		return m.files(at, base, ours, theirs)
	// A removed folder against a changed one may still agree file by file.
	case treeOrNone(base) && treeOrNone(ours) && treeOrNone(theirs):
		return m.folders(at, base, ours, theirs)
	}
	m.conflicts = append(m.conflicts, at)
	return Entry{}, nil
}

func isText(e Entry) bool {
	return e.exists() && (e.Mode == ModeFile || e.Mode == ModeExecutable)
}

func treeOrNone(e Entry) bool { return e.IsTree() || !e.exists() }

func (m *merge) folders(at string, base, ours, theirs Entry) (Entry, error) {
	var sides [3]map[string]Entry
	for i, e := range []Entry{base, ours, theirs} {
		var err error
		if sides[i], err = m.repo.children(e); err != nil {
			return Entry{}, err
		}
	}
	var out []Entry
	for _, name := range unionKeys(sides[:]...) {
		e, err := m.entry(path.Join(at, name), sides[0][name], sides[1][name], sides[2][name])
		if err != nil {
			return Entry{}, err
		}
		if e.exists() {
			out = append(out, Entry{name, e.Mode, e.Hash})
		}
	}
	if len(out) == 0 {
		return Entry{}, nil
	}
	h, err := m.repo.PutTree(out)
	return folder(h), err
}

func (m *merge) files(at string, base, ours, theirs Entry) (Entry, error) {
	mode := ours.Mode
	if ours.Mode == base.Mode {
		mode = theirs.Mode
	}
	var texts [3]string
	for i, e := range []Entry{base, ours, theirs} {
		var err error
		if texts[i], err = m.repo.text(e); err != nil {
			return Entry{}, err
		}
	}
	merged, ok := mergeText(texts[0], texts[1], texts[2])
	if !ok {
		m.conflicts = append(m.conflicts, at)
		return Entry{}, nil
	}
	h, err := m.repo.PutBlob([]byte(merged))
	return Entry{Mode: mode, Hash: h}, err
}

// mergeText is a three-way merge by lines (diff3). As in git, changes that touch each other
// without an unchanged line between them conflict, unless they are the same.
func mergeText(base, ours, theirs string) (string, bool) {
	switch {
	case ours == theirs, theirs == base:
		return ours, true
	case ours == base:
		return theirs, true
	case isBinary(base) || isBinary(ours) || isBinary(theirs):
		return "", false
	}
	o, a, b := splitLines(base), splitLines(ours), splitLines(theirs)
	left, right := compare(o, a), compare(o, b)
	var out strings.Builder
	at := 0
	for len(left)+len(right) > 0 {
		nl, nr := overlap(left, right)
		start, end := reach(left[:nl], right[:nr])
		mine, my := side(o, a, left[:nl], start, end)
		yours, your := side(o, b, right[:nr], start, end)
		pick := mine
		switch {
		case !my:
			pick = yours
		case my && your && mine != yours:
			return "", false
		}
		out.WriteString(strings.Join(o[at:start], "") + pick)
		at = end
		left, right = left[nl:], right[nr:]
	}
	out.WriteString(strings.Join(o[at:], ""))
	return out.String(), true
}

// overlap counts how many hunks at the front of each list hang together.
func overlap(left, right []hunk) (nl, nr int) {
	var end int
	if len(right) == 0 || (len(left) > 0 && left[0].a0 <= right[0].a0) {
		nl, end = 1, left[0].a1
	} else {
		nr, end = 1, right[0].a1
	}
	for {
		switch {
		case nl < len(left) && left[nl].a0 <= end:
			end = max(end, left[nl].a1)
			nl++
		case nr < len(right) && right[nr].a0 <= end:
			end = max(end, right[nr].a1)
			nr++
		default:
			return nl, nr
		}
	}
}

// reach is the range of base lines that the hunks cover.
func reach(left, right []hunk) (start, end int) {
	all := append(slices.Clone(left), right...)
	start, end = all[0].a0, all[0].a1
	for _, h := range all {
		start, end = min(start, h.a0), max(end, h.a1)
	}
	return start, end
}

// side is what one side has for base lines start to end, and whether it changed any of them.
func side(base, lines []string, hunks []hunk, start, end int) (string, bool) {
	if len(hunks) == 0 {
		return strings.Join(base[start:end], ""), false
	}
	first, last := hunks[0], hunks[len(hunks)-1]
	from := first.b0 - (first.a0 - start)
	to := last.b1 + (end - last.a1)
	return strings.Join(lines[from:to], ""), true
}
