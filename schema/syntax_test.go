package schema

import (
	"strings"
	"testing"
)

// Somebody who doesn't know CUE can mend what the parser stops at.
func TestSyntaxIsSaidPlainly(t *testing.T) {
	for text, want := range map[string]string{
		"a: {\n\tb: {\n\t\tc: 1\n\t}\n":    "the { in line 1 is never closed",
		"a: {\n\tb: {\n\t\tc: 1\n":         "the { in line 2 is never closed",
		"a: {b: 1}}\n":                     "it closes nothing: there is one too many",
		"a: \"x\nb: 1\n":                   "the quote at the end of the text is missing",
		"plan \"team\"\n":                  "is there a colon missing before it",
		"a: “x”\n":                         `write the plain quote, "`,
		"a: [1 2]\n":                       "is there a comma missing before it",
		"displayName: \"Acme\" Co\n":       "are quotes missing around a text",
		"# about acme\na: 1\n":             "a comment begins with //",
		"/* about acme */\na: 1\n":         "a comment begins with //",
		"a: 1 // a { in a comment\nb: {\n": "the { in line 2 is never closed",
	} {
		_, found := parse(File{Path: "x.cue", Text: []byte(text)})
		if len(found) == 0 || !strings.Contains(found[0].Message, want) {
			t.Errorf("%q: %v", text, found)
		}
	}
}

func FuzzMend(f *testing.F) {
	f.Add("expected '}', found 'EOF'", []byte("a: {\n"), 1, 1)
	f.Add("illegal character U+201C '“'", []byte("a: “"), 1, 4)
	f.Fuzz(func(t *testing.T, said string, text []byte, line, col int) {
		mend(said, text, line, col)
	})
}
