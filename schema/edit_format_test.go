package schema

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestFormat(t *testing.T) {
	out, found, err := Format("a.cue", []byte("package  fleet\r\na:{b:1 // one\r\n   cde: 2}\r\n"))
	if err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	if diff := cmp.Diff("package fleet\n\na: {b: 1 // one\n\t\tcde: 2\n}\n", string(out)); diff != "" {
		t.Error(diff)
	}
	_, found, err = Format("a.cue", []byte("a: {\nb: 1\n"))
	if err != nil || len(found) != 1 || found[0].String() != "a.cue:2:6: this is not valid CUE: expected '}', found 'EOF'; the { in line 1 is never closed" {
		t.Error(err, found)
	}
	if _, found, _ = Format("a.cue", []byte("a: \"\xff\"\n")); len(found) != 1 || found[0].Col != 5 {
		t.Error(found)
	}
}

// What a new fleet begins with is formatted, and so is the example.
func TestOurOwnDefinitionsAreFormatted(t *testing.T) {
	var files []string
	for _, pattern := range []string{"scaffold/*.cue", "scaffold/*/*.cue", "../fleet-example/*.cue", "../fleet-example/*/*.cue"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	if len(files) < 25 {
		t.Fatal(files)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out, found, err := Format(file, text)
		if err != nil || len(found) > 0 {
			t.Error(err, found)
		} else if diff := cmp.Diff(string(text), string(out)); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}

func TestFormattedFilesStayAsTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWriter(t)
		w.computed = rapid.Bool().Draw(t, "computed")
		w.fields(3, "")
		once, found, err := Format("a.cue", []byte(w.b.String()))
		if err != nil || len(found) > 0 {
			t.Skip("it is left alone") // rapid draws another, and fails if it finds too few
		}
		if twice, _, err := Format("a.cue", once); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%v\n%s\nbecomes\n%s", err, once, twice)
		}
	})
}

func TestFormattingIsHeldAgainstTheFile(t *testing.T) {
	d, err := newDocument("", []byte("a: 1 // one\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, sound := range map[string]bool{"a:  1    // one\n": true, "a: 2 // one\n": false, "a: 1\n": false, "a: {\n": false, "a: 1 // one\nb: 2\n": false} {
		if err := d.says([]byte(text)); (err == nil) != sound {
			t.Errorf("%q: %v", text, err)
		}
	}
}
