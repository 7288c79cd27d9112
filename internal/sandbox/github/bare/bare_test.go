package bare

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"pgregory.net/rapid"
)

// tree builds a tree from paths and contents.
func tree(t testing.TB, r *Repo, files map[string]string) Hash {
	t.Helper()
	edits := map[string]Entry{}
	for p, content := range files {
		h, err := r.PutBlob([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		edits[p] = Entry{Mode: ModeFile, Hash: h}
	}
	h, err := r.EditTree(Hash{}, edits)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// files reads a tree back.
func files(t testing.TB, r *Repo, h Hash) map[string]string {
	t.Helper()
	list, err := r.Walk(h)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range list {
		if e.IsTree() {
			continue
		}
		content, err := r.Blob(e.Hash)
		if err != nil {
			t.Fatal(err)
		}
		out[e.Path] = string(content)
	}
	return out
}

func commit(t testing.TB, r *Repo, tree Hash, parents ...Hash) Hash {
	t.Helper()
	who := Person{"Ana", "ana@acme.example", time.Unix(int64(1_700_000_000+len(parents)), 0)}
	h, err := r.PutCommit(Commit{Tree: tree, Parents: parents, Author: who, Committer: who, Message: "m"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestMergeText(t *testing.T) {
	const base = "1\n2\n3\n4\n5\n6\n"
	tests := []struct {
		name, ours, theirs, want string
		conflict                 bool
	}{
		{name: "apart", ours: "1x\n2\n3\n4\n5\n6\n", theirs: "1\n2\n3\n4\n5\n6x\n", want: "1x\n2\n3\n4\n5\n6x\n"},
		{name: "same change", ours: "1\nx\n3\n4\n5\n6\n", theirs: "1\nx\n3\n4\n5\n6\n", want: "1\nx\n3\n4\n5\n6\n"},
		{name: "same line", ours: "1\nx\n3\n4\n5\n6\n", theirs: "1\ny\n3\n4\n5\n6\n", conflict: true},
		{name: "neighbours", ours: "1\nx\n3\n4\n5\n6\n", theirs: "1\n2\ny\n4\n5\n6\n", conflict: true},
		{name: "deleted and changed", ours: "1\n2\n5\n6\n", theirs: "1\n2\nx\n4\n5\n6\n", conflict: true},
		{name: "inserted apart", ours: "0\n" + base, theirs: base + "7\n", want: "0\n" + base + "7\n"},
		{name: "no final newline", ours: "1\n2\n3\n4\n5\n6", theirs: "0\n" + base, want: "0\n1\n2\n3\n4\n5\n6"},
		{name: "binary", ours: "\x00", theirs: "\x00\x01", conflict: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := mergeText(base, tt.ours, tt.theirs)
			if ok == tt.conflict || got != tt.want {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}

func TestMergeTrees(t *testing.T) {
	base := map[string]string{"a": "1\n", "d/b": "1\n", "d/c": "1\n"}
	with := func(edits map[string]string) map[string]string {
		out := maps.Clone(base)
		for k, v := range edits {
			if v == "" {
				delete(out, k)
				continue
			}
			out[k] = v
		}
		return out
	}
	tests := []struct {
		name         string
		ours, theirs map[string]string
		want         map[string]string
		conflicts    []string
	}{
		{name: "different files", ours: with(map[string]string{"a": "2\n"}), theirs: with(map[string]string{"d/b": "2\n"}), want: with(map[string]string{"a": "2\n", "d/b": "2\n"})},
		{name: "removed here, left there", ours: with(map[string]string{"a": ""}), theirs: with(map[string]string{"d/n": "1\n"}), want: with(map[string]string{"a": "", "d/n": "1\n"})},
		{name: "removed here, changed there", ours: with(map[string]string{"d/b": ""}), theirs: with(map[string]string{"d/b": "2\n"}), conflicts: []string{"d/b"}},
		{name: "folder removed, a file in it changed", ours: with(map[string]string{"d/b": "", "d/c": ""}), theirs: with(map[string]string{"d/b": "2\n"}), conflicts: []string{"d/b"}},
		{name: "folder removed, a file added", ours: with(map[string]string{"d/b": "", "d/c": ""}), theirs: with(map[string]string{"d/n": "2\n"}), want: map[string]string{"a": "1\n", "d/n": "2\n"}},
		{name: "both added the same", ours: with(map[string]string{"n": "1\n"}), theirs: with(map[string]string{"n": "1\n"}), want: with(map[string]string{"n": "1\n"})},
		{name: "both added", ours: with(map[string]string{"n": "1\n"}), theirs: with(map[string]string{"n": "2\n"}), conflicts: []string{"n"}},
		{name: "file here, folder there", ours: with(map[string]string{"n": "1\n"}), theirs: with(map[string]string{"n/x": "2\n"}), conflicts: []string{"n"}},
		{name: "everything removed", ours: with(map[string]string{"a": "", "d/b": "", "d/c": ""}), theirs: base, want: map[string]string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := New("main")
			h, conflicts, err := r.MergeTrees(tree(t, r, base), tree(t, r, tt.ours), tree(t, r, tt.theirs))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(conflicts, tt.conflicts) {
				t.Fatalf("conflicts %v, want %v", conflicts, tt.conflicts)
			}
			if tt.conflicts == nil && !maps.Equal(files(t, r, h), tt.want) {
				t.Errorf("got %v, want %v", files(t, r, h), tt.want)
			}
		})
	}
}

// lines draws a short text of few different lines, so that matches and clashes are common.
func lines(n int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		list := rapid.SliceOfN(rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "d\n", "\n"}), 0, n).Draw(t, "lines")
		s := strings.Join(list, "")
		if rapid.Bool().Draw(t, "cut") {
			s = strings.TrimSuffix(s, "\n")
		}
		return s
	})
}

// TestCompare checks that hunks turn one text into the other and don't touch.
func TestCompare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := splitLines(lines(30).Draw(t, "a")), splitLines(lines(30).Draw(t, "b"))
		var out []string
		at, atB, last := 0, 0, -1
		for _, h := range compare(a, b) {
			if h.a0 <= last && last >= 0 {
				t.Fatalf("hunk %v touches the one that ends at %d", h, last)
			}
			if h.a0-at != h.b0-atB {
				t.Fatalf("hunk %v is out of step", h)
			}
			out = append(append(out, a[at:h.a0]...), b[h.b0:h.b1]...)
			at, atB, last = h.a1, h.b1, h.a1
		}
		out = append(out, a[at:]...)
		if !slices.Equal(out, b) {
			t.Fatalf("%q became %q, want %q", a, out, b)
		}
	})
}

// TestAgainstGit compares merges and patches with those of the git command line: where both merge,
// they agree.
func TestAgainstGit(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		if n > 40 { // a process each: enough is enough
			return
		}
		base := lines(14).Draw(t, "base")
		edit := func(name string) string {
			list := splitLines(base)
			for range rapid.IntRange(0, 2).Draw(t, name+" edits") {
				at := rapid.IntRange(0, len(list)).Draw(t, name+" at")
				switch {
				case rapid.Bool().Draw(t, name+" add") || at == len(list):
					if at == len(list) && at > 0 && !strings.HasSuffix(list[at-1], "\n") {
						continue
					}
					list = slices.Insert(slices.Clone(list), at, "x"+name+"\n")
				default:
					list = slices.Delete(slices.Clone(list), at, at+1)
				}
			}
			return strings.Join(list, "")
		}
		ours, theirs := edit("o"), edit("t")
		got, ok := mergeText(base, ours, theirs)
		cmd := exec.Command("git", "merge-file", "-p", write("ours", ours), write("base", base), write("theirs", theirs))
		want, err := cmd.Output()
		if ok && err == nil && string(want) != got {
			t.Fatalf("base %q ours %q theirs %q:\n got %q\ngit: %q, %v", base, ours, theirs, got, want, err)
		}
		// A patch is right if git apply makes the one text of the other.
		p := unified(splitLines(base), splitLines(ours))
		if base == "" || ours == "" || p.Text == "" {
			return
		}
		write("f", base)
		patch := "diff --git a/f b/f\n--- a/f\n+++ b/f\n" + p.Text + "\n"
		apply := exec.Command("git", "apply", "--unidiff-zero", "-")
		apply.Dir, apply.Stdin = dir, strings.NewReader(patch)
		if out, err := apply.CombinedOutput(); err != nil {
			t.Fatalf("git apply: %v\n%s\n%s", err, out, patch)
		}
		if after, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || string(after) != ours {
			t.Fatalf("the patch makes %q, want %q (%v)\n%s", after, ours, err, patch)
		}
	})
}

func TestDiff(t *testing.T) {
	r := New("main")
	a := tree(t, r, map[string]string{"same": "1", "gone": "2", "changed": "3", "d/moved": "moved content", "file": "x"})
	b := tree(t, r, map[string]string{"same": "1", "changed": "4", "e/moved": "moved content", "file/now": "folder", "new": "5"})
	changes, err := r.Diff(a, b)
	if err != nil {
		t.Fatal(err)
	}
	show := func(list []Change) string {
		var out []string
		for _, c := range list {
			out = append(out, strings.TrimSpace(c.Status()+" "+c.Path+" "+c.From))
		}
		return strings.Join(out, ", ")
	}
	want := "modified changed, removed d/moved, added e/moved, removed file, added file/now, removed gone, added new"
	if got := show(changes); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	want = "modified changed, renamed e/moved d/moved, removed file, added file/now, removed gone, added new"
	if got := show(Renames(changes)); got != want {
		t.Errorf("with renames: got  %s\nwant %s", got, want)
	}
}

func TestEditTree(t *testing.T) {
	r := New("main")
	h := tree(t, r, map[string]string{"a/b/c": "1", "a/d": "2", "e": "3"})
	blob, err := r.PutBlob([]byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	h, err = r.EditTree(h, map[string]Entry{"a/b/c": {}, "e/f": {Mode: ModeFile, Hash: blob}, "nothing": {}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a/d": "2", "e/f": "new"}
	if got := files(t, r, h); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestReceiveComparesAndSwaps deletes refs, which needs no pack: what counts is what the client
// believes them to be.
func TestReceiveComparesAndSwaps(t *testing.T) {
	r := New("main")
	c := commit(t, r, tree(t, r, map[string]string{"a": "1"}))
	stale := commit(t, r, tree(t, r, map[string]string{"a": "2"}))
	r.SetRef("refs/heads/x", c)
	r.SetRef("refs/heads/y", c)
	push := func(commands ...Command) string {
		var body, out bytes.Buffer
		e := pktline.NewEncoder(&body)
		for _, c := range commands {
			if err := e.Encodef("%s %s %s\x00report-status", c.Old, c.New, c.Ref); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
		move := func(c Command) error {
			r.DeleteRef(c.Ref)
			return nil
		}
		if err := r.ServeReceive(&out, &body, move, func([]Command) string { return "" }); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	got := push(Command{Ref: "refs/heads/x", Old: stale}, Command{Ref: "refs/heads/y", Old: c}, Command{Ref: "HEAD", Old: c})
	for _, want := range []string{"unpack ok", "ng refs/heads/x failed to update ref", "ok refs/heads/y", "ng HEAD funny refname"} {
		if !strings.Contains(got, want) {
			t.Errorf("the report %q lacks %q", got, want)
		}
	}
	if _, there := r.Ref("refs/heads/x"); !there {
		t.Error("a stale push went through")
	}
	if got := push(); got != "" {
		t.Errorf("a flush alone is answered %q", got)
	}
}

func FuzzNextEntry(f *testing.F) {
	f.Add([]byte("100644 a\x00aaaaaaaaaaaaaaaaaaaa"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for len(raw) > 0 {
			e, rest, err := nextEntry(raw)
			if err != nil {
				return
			}
			if len(rest) >= len(raw) {
				t.Fatalf("entry %v took nothing", e)
			}
			raw = rest
		}
	})
}

func FuzzServe(f *testing.F) {
	f.Add([]byte("0032want 0000000000000000000000000000000000000000\n00000009done\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := New("main")
		var out bytes.Buffer
		_ = r.ServeUpload(&out, bytes.NewReader(body)) // errors are fine, panics aren't
		_ = r.ServeReceive(&out, bytes.NewReader(body), func(Command) error { return fmt.Errorf("no") }, func([]Command) string { return "" })
	})
}
