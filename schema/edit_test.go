package schema

import (
	"errors"
	"strings"
	"testing"

	"cuelang.org/go/cue/ast"
	"github.com/google/go-cmp/cmp"
)

func TestSetField(t *testing.T) {
	tests := []struct {
		name, file string
		path       []string
		value      any
		want       string
	}{
		{"replaces a value and keeps the comment", "a: 1 // one\nb: 2\n", []string{"a"}, 3, "a: 3 // one\nb: 2\n"},
		{"replaces deep inside, unformatted", "tenant: acme:   {x:1,  y :  \"old\"   , z:3}", []string{"tenant", "acme", "y"}, "new", "tenant: acme:   {x:1,  y :  \"new\"   , z:3}"},
		{"replaces a struct", "a: {b: 1}\n", []string{"a"}, map[string]any{"c-d": []int{1, 2}}, "a: {\"c-d\": [1, 2]}\n"},
		{"adds to a struct on several lines", "a: {\n\tb: 1 // kept\n}\n", []string{"a", "c"}, true, "a: {\n\tb: 1 // kept\n\tc: true\n}\n"},
		{"adds to a struct on one line", "a: {b: 1}\n", []string{"a", "c"}, true, "a: {b: 1, c: true}\n"},
		{"adds to an empty struct", "a: {}\n", []string{"a", "c", "d"}, 1.5, "a: {c: d: 1.5}\n"},
		{"adds beside a shorthand", "t: {\n\to: l: r: 90 // why\n\tz: 1\n}\n", []string{"t", "o", "j", "v"}, 5, "t: {\n\to: l: r: 90 // why\n\to: j: v: 5\n\tz: 1\n}\n"},
		{"adds at the top", "package fleet\n\na: 1\n", []string{"b", "c"}, "x", "package fleet\n\na: 1\n\nb: c: \"x\"\n"},
		{"adds in a nested struct", "t: {\n\to: {\n\t\tl: {\n\t\t\tr: 90\n\t\t}\n\t}\n}\n", []string{"t", "o", "j", "v"}, 5, "t: {\n\to: {\n\t\tl: {\n\t\t\tr: 90\n\t\t}\n\t\tj: v: 5\n\t}\n}\n"},
		{"replaces through a unification", "import \"x.y/s\"\n\nc: s.#C & {\n\tr?: a: n: \"old\" // name\n}\n", []string{"c", "r", "a", "n"}, "new", "import \"x.y/s\"\n\nc: s.#C & {\n\tr?: a: n: \"new\" // name\n}\n"},
		{"replaces one of a repeated struct", "a: b: 1\na: c: 2\n", []string{"a", "c"}, 3, "a: b: 1\na: c: 3\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := SetField([]byte(test.file), test.path, test.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSetFieldRefuses(t *testing.T) {
	tests := []struct {
		name, file string
		path       []string
		value      any
	}{
		{"no path", "a: 1\n", nil, 1},
		{"no CUE", "a: {\n", []string{"a"}, 1},
		{"a field that is given twice", "a: b: 1\na: b: 1\n", []string{"a", "b"}, 2},
		{"a way through a value", "a: 1\n", []string{"a", "b"}, 2},
		{"null", "a: 1\n", []string{"a"}, nil},
		{"what JSON doesn't know", "a: 1\n", []string{"a"}, func() {}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := SetField([]byte(test.file), test.path, test.value); err == nil {
				t.Errorf("makes %s", got)
			} else {
				t.Log(err)
			}
		})
	}
}

func TestOnlyChanges(t *testing.T) {
	before := []byte("a: {b: 1, c: 2}\n")
	for after, sound := range map[string]bool{
		"a: {b: 3, c: 2}\n":     true,
		"a: {b: 3, c: 4}\n":     false,
		"a: {b: 3}\n":           false,
		"a: {b: 4, c: 2}\n":     false,
		"a: {b: 3, c: 2, d: 1}": false,
		"a: {b: 3, c: x}":       false,
	} {
		old, err := newDocument("", before)
		if err != nil {
			t.Fatal(err)
		}
		now, err := newDocument("", []byte(after))
		if err != nil {
			t.Fatal(err)
		}
		data, _ := readData(old.syntax)
		if err := onlyChanges(data, now, []string{"a", "b"}, func(any) any { return 3 }); (err == nil) != sound {
			t.Errorf("%q: %v", after, err)
		}
	}
}

// What is written is held against the syntax and the comments, whoever asks for it.
func TestApplyHoldsWhatIsWritten(t *testing.T) {
	text := "a: 1 // one\nb: 2\n"
	for name, test := range map[string]struct {
		change func(f *ast.File)
		splice splice
		err    string
	}{
		"as announced":          {func(f *ast.File) { f.Decls = f.Decls[:1] }, splice{12, 17, ""}, ""},
		"another field":         {func(f *ast.File) { f.Decls = f.Decls[:1] }, splice{15, 16, "3"}, "more than this field would change"},
		"nothing announced":     {func(*ast.File) {}, splice{15, 16, "3"}, "more than this field would change"},
		"a comment goes":        {func(f *ast.File) { f.Decls = f.Decls[:1] }, splice{4, 17, "\n"}, ""},
		"a field in a comment":  {func(f *ast.File) { f.Decls = f.Decls[:1] }, splice{11, 12, " "}, "a comment would be lost"},
		"no CUE":                {func(*ast.File) {}, splice{15, 16, "{"}, "would not be valid CUE"},
		"beyond the file's end": {func(*ast.File) {}, splice{15, 99, "3"}, "no place in the file"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := newDocument("", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			_, err = d.apply(func() { test.change(d.syntax) }, test.splice)
			if test.err == "" && err != nil || test.err != "" && (!errors.Is(err, ErrNotEditable) || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("%v, want %q", err, test.err)
			}
		})
	}
}
