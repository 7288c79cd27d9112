package gitrepo

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler"
)

func TestChangedEqualsGit(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	dir, all := history0(t, random, 60)
	r := mirror(t, dir, nil)
	head(t, r)
	reachable := lines(cli(t, dir, "rev-list", "main"))
	for range 60 {
		from := reconciler.Commit(reachable[random.IntN(len(reachable))])
		to := reconciler.Commit(reachable[random.IntN(len(reachable))])
		got, err := r.Changed(t.Context(), from, to)
		if err != nil {
			t.Fatal(err)
		}
		var want []reconciler.Change
		kinds := map[string]reconciler.ChangeKind{"A": reconciler.Added, "D": reconciler.Gone, "M": reconciler.Modified, "T": reconciler.Modified}
		for _, line := range lines(cli(t, dir, "diff-tree", "-r", "--no-renames", "--name-status", string(from), string(to))) {
			kind, path, _ := strings.Cut(line, "\t")
			want = append(want, reconciler.Change{Path: path, Kind: kinds[kind]})
		}
		if len(got) == 0 {
			got = nil
		}
		if diff := cmp.Diff(want, sortedByPath(got, want)); diff != "" {
			t.Fatalf("%s to %s:\n%s", from, to, diff)
		}
	}
	if len(reachable) < 30 || len(all) != 60 {
		t.Fatalf("the test's history is too small: %d of %d commits", len(reachable), len(all))
	}
}

// sortedByPath brings got into want's order, which is that of Git's trees, where a folder sorts
// as if its name ended in a slash. What want doesn't have comes last.
func sortedByPath(got, want []reconciler.Change) []reconciler.Change {
	var sorted []reconciler.Change
	byPath := map[string]reconciler.Change{}
	for i, g := range got {
		if i > 0 && got[i-1].Path >= g.Path {
			return got // not sorted: the caller shows it
		}
		byPath[g.Path] = g
	}
	for _, w := range want {
		if g, ok := byPath[w.Path]; ok {
			sorted = append(sorted, g)
			delete(byPath, w.Path)
		}
	}
	for _, g := range byPath {
		sorted = append(sorted, g)
	}
	return sorted
}

func TestAncestorEqualsGit(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	dir, all := history0(t, random, 40)
	r := mirror(t, dir, nil)
	head(t, r)
	reachable := lines(cli(t, dir, "rev-list", "main"))
	for range 200 {
		a, b := all[random.IntN(len(all))], reconciler.Commit(reachable[random.IntN(len(reachable))])
		got, err := r.Ancestor(t.Context(), a, b)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Contains(ancestors(t, dir, b), string(a)); got != want {
			t.Errorf("is %s an ancestor of %s: %v, want %v", a, b, got, want)
		}
	}
	if yes, err := r.Ancestor(t.Context(), "0123456789012345678901234567890123456789", head(t, r)); yes || err != nil {
		t.Errorf("a commit that was never seen: %v, %v", yes, err)
	}
	if _, err := r.Ancestor(t.Context(), head(t, r), "0123456789012345678901234567890123456789"); err == nil {
		t.Error("the history of a commit that was never seen is no error")
	}
}

func ancestors(t *testing.T, dir string, c reconciler.Commit) string {
	t.Helper()
	return cli(t, dir, "rev-list", string(c))
}

func TestRemovedEqualsGit(t *testing.T) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(5, seed))
		dir, _ := history0(t, random, 40)
		r := mirror(t, dir, nil)
		newest := head(t, r)
		if got, want := removedIn(t, r, newest), removedByGit(t, dir, newest); !cmp.Equal(keys(got), keys(want)) {
			t.Errorf("seed %d:\n%s", seed, cmp.Diff(keys(want), keys(got)))
		}
		// Asked at each commit in turn, with what was found for earlier ones kept.
		kept := mirror(t, dir, nil)
		head(t, kept)
		for _, c := range reversed(lines(cli(t, dir, "rev-list", "--first-parent", "main"))) {
			kept.history.setHead(hashOf(c))
			got, want := removedIn(t, kept, reconciler.Commit(c)), removedByGit(t, dir, reconciler.Commit(c))
			if !cmp.Equal(keys(got), keys(want)) {
				t.Fatalf("seed %d, commit %s:\n%s", seed, c, cmp.Diff(keys(want), keys(got)))
			}
		}
		for path, commit := range removedIn(t, kept, newest) {
			if _, err := r.Ancestor(t.Context(), commit, newest); err != nil {
				t.Errorf("seed %d: %s was removed by %s: %v", seed, path, commit, err)
			}
			if strings.Contains("\n"+cli(t, dir, "ls-tree", "-r", "--name-only", string(commit))+"\n", "\n"+path+"\n") {
				t.Errorf("seed %d: %s removed %s, and has it", seed, commit, path)
			}
		}
	}
}

// removedByGit finds the removed paths the slow way: all that any ancestor has, but what is there.
func removedByGit(t *testing.T, dir string, c reconciler.Commit) map[string]reconciler.Commit {
	t.Helper()
	gone := map[string]reconciler.Commit{}
	input := strings.Join(lines(ancestors(t, dir, c)), "\n") + "\n"
	for _, line := range lines(cliWith(t, dir, input, "diff-tree", "--stdin", "-r", "-m", "--root", "--no-renames", "--name-only", "--no-commit-id")) {
		gone[line] = c
	}
	for _, path := range lines(cli(t, dir, "ls-tree", "-r", "--name-only", string(c))) {
		delete(gone, path)
	}
	return gone
}

func removedIn(t *testing.T, r *Repo, c reconciler.Commit) map[string]reconciler.Commit {
	t.Helper()
	got, err := r.Removed(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRemovedNamesTheCommit(t *testing.T) {
	dir := work(t)
	commit(t, dir, map[string]string{"a": "1", "b": "1", "c": "1", "d/e": "1"})
	first := commit(t, dir, map[string]string{"a": removed})
	commit(t, dir, map[string]string{"a": "again"})
	second := commit(t, dir, map[string]string{"a": removed, "d/e": removed})
	r := mirror(t, dir, nil)
	if got, want := removedIn(t, r, head(t, r)), (map[string]reconciler.Commit{"a": second, "d/e": second}); !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v (the first removal was %s)", got, want, first)
	}
	if r.history.base != hashOf(string(second)) {
		t.Errorf("what was found up to %s isn't kept, so that each question walks everything", second)
	}
	cli(t, dir, "checkout", "-q", "-b", "topic")
	commit(t, dir, map[string]string{"b": removed, "only-here": "x"})
	commit(t, dir, map[string]string{"only-here": removed})
	topic := reconciler.Commit(cli(t, dir, "rev-parse", "HEAD"))
	cli(t, dir, "checkout", "-q", "main")
	third := commit(t, dir, map[string]string{"c": removed})
	// A pull request's commit is looked at, and the branch doesn't inherit what it removed.
	if _, err := r.Fetch(t.Context(), "refs/heads/topic"); err != nil {
		t.Fatal(err)
	}
	if got := removedIn(t, r, topic); got["b"] == "" || got["c"] != "" {
		t.Errorf("in the pull request: %v", got)
	}
	if got, want := removedIn(t, r, head(t, r)), (map[string]reconciler.Commit{"a": second, "d/e": second, "c": third}); !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	cli(t, dir, "merge", "-q", "--no-ff", "-m", "merge", "topic")
	merge := head(t, r)
	got := removedIn(t, r, merge)
	if want := (map[string]reconciler.Commit{"a": second, "d/e": second, "c": third, "b": merge}); !cmp.Equal(without(got, "only-here"), want) {
		t.Errorf("after the merge: got %v, want %v", got, want)
	}
}

func TestRemovedAfterAForcedPush(t *testing.T) {
	dir := work(t)
	first := commit(t, dir, map[string]string{"a": "1", "b": "1"})
	commit(t, dir, map[string]string{"a": removed, "dropped": "1"})
	commit(t, dir, map[string]string{"dropped": removed})
	r := mirror(t, dir, nil)
	if got := removedIn(t, r, head(t, r)); len(got) != 2 {
		t.Errorf("before: %v", got)
	}
	cli(t, dir, "reset", "-q", "--hard", string(first))
	third := commit(t, dir, map[string]string{"b": removed})
	if got, want := removedIn(t, r, head(t, r)), (map[string]reconciler.Commit{"b": third}); !cmp.Equal(got, want) {
		t.Errorf("after: got %v, want %v", got, want) // "dropped" is in no ancestor any more
	}
}

func TestACommitThatIsNotThere(t *testing.T) {
	dir := work(t)
	commit(t, dir, map[string]string{"a": "1"})
	r := mirror(t, dir, nil)
	newest := head(t, r)
	for _, c := range []reconciler.Commit{"", "main", "0123456789012345678901234567890123456789"} {
		_, changed := r.Changed(t.Context(), c, newest)
		_, opened := r.Open(t.Context(), c)
		_, removed := r.Removed(t.Context(), c)
		if err := errors.Join(changed, opened, removed); changed == nil || opened == nil || removed == nil {
			t.Errorf("%q: %v", c, err)
		}
	}
}
