package bare

import (
	"fmt"
	"slices"
	"strings"
)

// maxEdits bounds the work and memory of comparing two files. Beyond it the rest counts as
// replaced as a whole, which is a valid difference, only a longer one.
const maxEdits = 1500

// contextLines is the number of equal lines around a change in a unified diff.
const contextLines = 3

// splitLines cuts after each newline, so that joining gives the text back to the byte.
func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	lines := strings.SplitAfter(s, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// A hunk says that a[a0:a1] became b[b0:b1]. Hunks are in order and don't touch.
type hunk struct{ a0, a1, b0, b1 int }

// compare finds the hunks between two lists of lines with Myers' algorithm.
func compare(a, b []string) []hunk {
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	enda, endb := len(a), len(b)
	for enda > start && endb > start && a[enda-1] == b[endb-1] {
		enda, endb = enda-1, endb-1
	}
	if enda-start+endb-start == 0 {
		return nil
	}
	hunks := myers(a[start:enda], b[start:endb])
	for i := range hunks {
		h := &hunks[i]
		h.a0, h.a1, h.b0, h.b1 = h.a0+start, h.a1+start, h.b0+start, h.b1+start
	}
	return slide(a, b, hunks)
}

// slide moves each insertion and deletion down as far as equal lines allow, as git does, so that
// both find changes at the same place. Hunks that come to touch become one.
func slide(a, b []string, hunks []hunk) []hunk {
	var out []hunk
	for _, h := range slices.Backward(hunks) {
		for h.a1 < len(a) && h.b1 < len(b) && (len(out) == 0 || h.a1 < out[0].a0) {
			deletes, inserts := h.a0 < h.a1, h.b0 < h.b1
			if deletes == inserts || (deletes && a[h.a0] != a[h.a1]) || (inserts && b[h.b0] != b[h.b1]) {
				break
			}
			h = hunk{h.a0 + 1, h.a1 + 1, h.b0 + 1, h.b1 + 1}
		}
		if len(out) > 0 && h.a1 == out[0].a0 {
			out[0].a0, out[0].b0 = h.a0, h.b0
			continue
		}
		out = append([]hunk{h}, out...)
	}
	return out
}

// myers keeps the furthest x on each diagonal after each number of edits, then walks back.
func myers(a, b []string) []hunk {
	n, m := len(a), len(b)
	limit := min(n+m, maxEdits)
	v := make([]int, 2*limit+3)
	at := func(k int) int { return k + limit + 1 }
	var trace [][]int
	for d := 0; d <= limit; d++ {
		for k := -d; k <= d; k += 2 {
			x := 0
			switch {
			case d == 0:
			case k == -d || (k != d && v[at(k-1)] < v[at(k+1)]):
				x = v[at(k+1)]
			default:
				x = v[at(k-1)] + 1
			}
			y := x - k
			for x < n && y < m && x >= 0 && y >= 0 && a[x] == b[y] {
				x, y = x+1, y+1
			}
			v[at(k)] = x
			if x >= n && y >= m {
				return backtrack(trace, n, m)
			}
		}
		trace = append(trace, append([]int(nil), v[at(-d):at(d)+1]...))
	}
	return []hunk{{0, n, 0, m}}
}

// backtrack turns the recorded furthest points into hunks. trace[d] holds diagonals -d to d.
func backtrack(trace [][]int, x, y int) []hunk {
	var rev []hunk
	for d := len(trace); d > 0; d-- {
		prev := trace[d-1]
		get := func(k int) int {
			if i := k + d - 1; i >= 0 && i < len(prev) {
				return prev[i]
			}
			return -1
		}
		k := x - y
		var h hunk
		if k == -d || (k != d && get(k-1) < get(k+1)) {
			px := get(k + 1)
			py := px - (k + 1)
			h = hunk{px, px, py, py + 1} // a line of b was inserted
			x, y = px, py
		} else {
			px := get(k - 1)
			py := px - (k - 1)
			h = hunk{px, px + 1, py, py} // a line of a was deleted
			x, y = px, py
		}
		if last := len(rev) - 1; last >= 0 && rev[last].a0 == h.a1 && rev[last].b0 == h.b1 {
			rev[last].a0, rev[last].b0 = h.a0, h.b0
			continue
		}
		rev = append(rev, h)
	}
	for i, j := 0, len(rev)-1; i < j; i, j = i+1, j-1 {
		rev[i], rev[j] = rev[j], rev[i]
	}
	return rev
}

// unified renders a difference as the hunks of a unified diff, with GitHub's counts.
func unified(a, b []string) Patch {
	hunks := compare(a, b)
	var p Patch
	var out strings.Builder
	for len(hunks) > 0 {
		n := 1
		for n < len(hunks) && hunks[n].a0-hunks[n-1].a1 <= 2*contextLines {
			n++
		}
		writeGroup(&out, a, b, hunks[:n])
		for _, h := range hunks[:n] {
			p.Deletions += h.a1 - h.a0
			p.Additions += h.b1 - h.b0
		}
		hunks = hunks[n:]
	}
	p.Text = strings.TrimSuffix(out.String(), "\n")
	return p
}

// writeGroup writes hunks that share their context under one header.
func writeGroup(out *strings.Builder, a, b []string, group []hunk) {
	first, last := group[0], group[len(group)-1]
	before := min(contextLines, first.a0)
	after := min(contextLines, len(a)-last.a1)
	a0, b0 := first.a0-before, first.b0-before
	fmt.Fprintf(out, "@@ -%s +%s @@\n", span(a0, last.a1+after-a0), span(b0, last.b1+after-b0))
	at := a0
	for _, h := range group {
		writeLines(out, " ", a[at:h.a0])
		writeLines(out, "-", a[h.a0:h.a1])
		writeLines(out, "+", b[h.b0:h.b1])
		at = h.a1
	}
	writeLines(out, " ", a[at:at+after])
}

// span is "start,count" of a hunk header: one-based, and zero-based where the count is 0.
func span(start, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", start)
	case 1:
		return fmt.Sprint(start + 1)
	}
	return fmt.Sprintf("%d,%d", start+1, count)
}

func writeLines(out *strings.Builder, mark string, lines []string) {
	for _, l := range lines {
		out.WriteString(mark + l)
		if !strings.HasSuffix(l, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}
