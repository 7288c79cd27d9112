package schema

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
)

// Whatever the file, an edit of it is refused, or is valid CUE that says the value, keeps every comment,
// and changes nothing when it is done again.
func FuzzSplice(f *testing.F) {
	for _, seed := range []struct {
		file, path, value string
		kind              byte
	}{
		{"a: {\n\tb: 1 // c\n}\n", "a/c", "x", 0},
		{"a: b: 1\na: c: {d: 1}\n", "a/c", "y", 0},
		{"a: {b: 1}", "a/b", "", 0},
		{"x: 1\n", "a/b c", "z", 0},
		{"a: \"\"\"\r\n\tx\r\n\t\"\"\"\r\nb: 1\r\n", "a", "\x00\u2028", 0},
		{"p: s.#P & {\n\te: [{a: 1}, // one\n\t]\n}\n", "p/e", "z", 2},
		{"a: [1, {b: 2}]\n", "a/1/b", "z", 0},
		{"a: {b: 1, // x\n c: 2}\n", "a/b", "", 1},
		{"a: [{\n\tb: 1\n}, {\n\tb: 2\n}]\n", "a", "", 3},
		{"\ufeffa: 1", "a", "q", 1},
		{"if x {a: 1}\n", "a", "q", 0},
		{"a~b: 1\n", "a", "q", 0},
	} {
		f.Add([]byte(seed.file), seed.path, seed.value, seed.kind)
	}
	f.Fuzz(func(t *testing.T, file []byte, at, value string, kind byte) {
		keys := strings.Split(at, "/")
		lit, err := literalOf(value)
		if err != nil {
			return
		}
		op := []operation{setTo(lit), removed, appended(lit), without(0)}[kind%4]
		edited, err := editFile("", file, keys, op)
		if err != nil {
			return
		}
		before, errB := newDocument("", file)
		after, errA := newDocument("", edited)
		if errA != nil || errB != nil {
			t.Fatalf("%v, %v\n%s", errB, errA, edited)
		}
		if kind%4 != 0 {
			return
		}
		if again, err := editFile("", edited, keys, op); err != nil || string(again) != string(edited) {
			t.Fatalf("again: %v\n%q\n%q", err, edited, again)
		}
		if a, b := comments(before.syntax), comments(after.syntax); len(a) > len(b) {
			t.Fatalf("comments are lost:\n%s\n%s", file, edited)
		}
		if _, refused := readData(before.syntax); len(refused) == 0 {
			says(t, edited, keys, value)
		}
	})
}

// says wants the evaluator to read a text at a path; elements of lists aside.
func says(t *testing.T, file []byte, keys []string, value string) {
	t.Helper()
	parsed, err := parser.ParseFile("", file)
	if err != nil {
		t.Fatal(err)
	}
	v := cuecontext.New().BuildFile(parsed)
	for _, key := range keys {
		if v.IncompleteKind() == cue.ListKind {
			return
		}
		v = v.LookupPath(cue.MakePath(cue.Str(key)))
	}
	if got, err := v.String(); err != nil || got != strings.ToValidUTF8(value, "\ufffd") && utf8.ValidString(value) {
		t.Fatalf("set %q, got %q (%v)\n%s", value, got, err, file)
	}
}

// Whatever a folder holds, reading it neither fails nor loses a file: each is read, or a finding
// says why it isn't. The text has the files, each after a line with its name: "-- tenants/a.cue --".
func FuzzTree(f *testing.F) {
	for _, seed := range []string{
		"-- cue.mod/module.cue --\nmodule: \"a.b/c@v0\"\nlanguage: version: \"v0.17.0\"\n-- fleet.cue --\npackage fleet\n-- tenants/a.cue --\npackage fleet\n",
		"-- cue.mod/module.cue --\nmodule: 1\n-- tenants/A.cue --\n\xff\n-- tenants/a/b/c.cue --\n-- tenants/.a.cue --\n-- tenants/_x/a.cue --\n{\n",
		"-- plans/a.cue --\npackage plans\na: a\n-- plans/b.cue/c.cue --\nx: \"\x00\"\n-- tenants/ab/abc.cue --\n-- link reports/x.cue --\n-- link plans/l.cue --\n",
		"-- join.cue --\n]]]\n-- approvals/a.cue --\n\ufeffpackage fleet\n-- cue.mod/pkg/tenantry.dev/schema/tenant.cue --\nx\n-- cue.mod/usr/x.cue --\n",
		"-- tenants/" + strings.Repeat("a", 40) + ".cue --\n-- tenants/a b.cue --\na: b: c: 1e999\n-- .cue --\n-- tenants/.cue --\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		files := unfold(text)
		all, err := list(files)
		if err != nil {
			t.Fatalf("%v\n%q", err, text)
		}
		tree := newTree(all.texts(), nil, func(Step) {})
		read, found := slices.Concat(slices.Collect(folders(tree.sources))...), tree.found
		for _, listed := range all.tenants {
			s, about := parseTenant(all.read(listed))
			read, found = append(read, s), append(found, about...)
		}
		for _, s := range read {
			faulty := slices.ContainsFunc(found, func(f Finding) bool { return f.File == s.path && f.Message != "" })
			if (s.syntax == nil) != faulty {
				t.Errorf("%s: read: %t, found fault with: %t\n%q", s.path, s.syntax != nil, faulty, text)
			}
		}
		for _, f := range found {
			if _, there := files[f.File]; !there || f.Line < 0 {
				t.Errorf("%s is about no file\n%q", f, text)
			}
		}
		for name, file := range files {
			if strings.HasPrefix(name, "plans/") && path.Dir(name) == "plans" && strings.HasSuffix(name, ".cue") && ordinary(path.Base(name)) && !holds(read, name) {
				t.Errorf("%s (%v) is lost\n%q", name, file.Mode, text)
			}
		}
	})
}

func ordinary(base string) bool {
	return !strings.HasPrefix(base, ".") && !strings.HasPrefix(base, "_")
}

func holds(list []*source, name string) bool {
	return slices.ContainsFunc(list, func(s *source) bool { return s.path == name })
}

func folders(m map[string][]*source) func(func([]*source) bool) {
	return func(yield func([]*source) bool) {
		for _, key := range sortedKeys(m) {
			if !yield(m[key]) {
				return
			}
		}
	}
}

// unfold makes a file system of a text. A name that is a folder of another is left out.
func unfold(text string) fstest.MapFS {
	files := fstest.MapFS{}
	var current *fstest.MapFile
	for line := range strings.Lines(text) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		if name, ended := strings.CutSuffix(name, " --"); ok && ended {
			current = nil
			name, link := strings.CutPrefix(name, "link ")
			if fs.ValidPath(name) && name != "." && !nested(files, name) {
				current = &fstest.MapFile{}
				if link {
					current.Mode = fs.ModeSymlink
				}
				files[name] = current
			}
			continue
		}
		if current != nil {
			current.Data = append(current.Data, line...)
		}
	}
	return files
}

// nested tells whether a file of a name would lie in another, or be a folder of another.
func nested(files fstest.MapFS, name string) bool {
	for have := range files {
		if strings.HasPrefix(have, name+"/") || strings.HasPrefix(name, have+"/") {
			return true
		}
	}
	return false
}
