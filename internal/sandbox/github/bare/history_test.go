package bare

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestHistory(t *testing.T) {
	r := New("main")
	empty := tree(t, r, map[string]string{"a": "1"})
	var c [7]Hash
	c[0] = commit(t, r, empty)
	c[1] = commit(t, r, tree(t, r, map[string]string{"a": "2"}), c[0])
	c[2] = commit(t, r, tree(t, r, map[string]string{"a": "3"}), c[0])
	c[3] = commit(t, r, empty, c[1], c[2])
	c[4] = commit(t, r, tree(t, r, map[string]string{"a": "4"}), c[2])
	base, ok, err := r.MergeBase(c[3], c[4])
	if err != nil || !ok || base != c[2] {
		t.Errorf("merge base %v %v %v, want %v", base, ok, err, c[2])
	}
	list, err := r.Between(c[4], c[3])
	if err != nil || len(list) != 2 || list[0].Hash != c[1] || list[1].Hash != c[3] {
		t.Errorf("between: %v, %v", list, err)
	}
	if old, err := r.Ancestor(c[0], c[3]); err != nil || !old {
		t.Errorf("ancestor: %v, %v", old, err)
	}
	other := commit(t, r, tree(t, r, map[string]string{"z": "9"}))
	if _, ok, err := r.MergeBase(other, c[3]); ok || err != nil {
		t.Errorf("unrelated histories have a merge base: %v, %v", ok, err)
	}
}

// TestWalks compares with sets of ancestors, on histories whose clocks go any way.
func TestWalks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := New("main")
		empty, err := r.PutTree(nil)
		if err != nil {
			t.Fatal(err)
		}
		var commits []Hash
		ancestors := map[Hash]map[Hash]bool{}
		for i := range rapid.IntRange(2, 12).Draw(t, "commits") {
			when := time.Unix(1_700_000_000+rapid.Int64Range(0, 5).Draw(t, "clock"), 0)
			c := Commit{Tree: empty, Message: fmt.Sprint(i), Author: Person{When: when}, Committer: Person{When: when}}
			set := map[Hash]bool{}
			for range rapid.IntRange(0, min(i, 2)).Draw(t, "parents") {
				p := rapid.SampledFrom(commits).Draw(t, "parent")
				if !slices.Contains(c.Parents, p) {
					c.Parents = append(c.Parents, p)
					maps.Copy(set, ancestors[p])
				}
			}
			h, err := r.PutCommit(c)
			if err != nil {
				t.Fatal(err)
			}
			set[h] = true
			commits, ancestors[h] = append(commits, h), set
		}
		a, b := rapid.SampledFrom(commits).Draw(t, "a"), rapid.SampledFrom(commits).Draw(t, "b")
		if got, err := r.Ancestor(a, b); err != nil || got != ancestors[b][a] {
			t.Fatalf("ancestor: %v, %v", got, err)
		}
		list, err := r.Between(a, b)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[Hash]bool{}
		for _, c := range list {
			for _, p := range c.Parents {
				if !ancestors[a][p] && !seen[p] {
					t.Fatalf("%s comes before its parent", c.Message)
				}
			}
			seen[c.Hash] = true
		}
		for _, c := range commits {
			if want := ancestors[b][c] && !ancestors[a][c]; seen[c] != want {
				t.Fatalf("between: has %s: %v", c, seen[c])
			}
		}
		base, ok, err := r.MergeBase(a, b)
		if err != nil {
			t.Fatal(err)
		}
		common := 0
		for _, c := range commits {
			if ancestors[a][c] && ancestors[b][c] {
				common++
				if c != base && ancestors[c][base] {
					t.Fatalf("the merge base %s has the better %s above it", base, c)
				}
			}
		}
		if ok != (common > 0) || (ok && (!ancestors[a][base] || !ancestors[b][base])) {
			t.Fatalf("merge base %s, %v of %d common commits", base, ok, common)
		}
	})
}
