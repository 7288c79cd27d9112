package schema

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An editCase is one edit of a file, and the file after it or a part of the refusal.
type editCase struct {
	name, file string
	edit       func(file []byte) ([]byte, error)
	want, err  string
}

func set(path string, value any) func([]byte) ([]byte, error) {
	return func(file []byte) ([]byte, error) { return SetField(file, strings.Split(path, "/"), value) }
}

func remove(path string) func([]byte) ([]byte, error) {
	return func(file []byte) ([]byte, error) { return RemoveField(file, strings.Split(path, "/")) }
}

func add(path string, value any) func([]byte) ([]byte, error) {
	return func(file []byte) ([]byte, error) { return AppendElement(file, strings.Split(path, "/"), value) }
}

func drop(path string, index int) func([]byte) ([]byte, error) {
	return func(file []byte) ([]byte, error) { return RemoveElement(file, strings.Split(path, "/"), index) }
}

func play(t *testing.T, tests []editCase) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.edit([]byte(test.file))
			switch {
			case test.err != "":
				if !errors.Is(err, ErrNotEditable) || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %q; made %s", err, test.err, got)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSetInTheStyleOfTheFile(t *testing.T) {
	rec := record{{"tenant", "acme"}, {"until", "2027"}}
	play(t, []editCase{
		{"indented by spaces", "a: {\n  b: 1\n}\n", set("a/c", 2), "a: {\n  b: 1\n  c: 2\n}\n", ""},
		{"an empty struct in a file of spaces", "x: {\n   y: 1\n}\na: {\n}\n", set("a/c", 2), "x: {\n   y: 1\n}\na: {\n   c: 2\n}\n", ""},
		{"lines that end as on Windows", "a: {\r\n\tb: 1 // one\r\n}\r\n", set("a/c", 2), "a: {\r\n\tb: 1 // one\r\n\tc: 2\r\n}\r\n", ""},
		{"a text of several lines from Windows", "a: \"\"\"\r\n\tx\r\n\ty\r\n\t\"\"\" // z\r\nb: 1\r\n", set("a", "w"), "a: \"w\" // z\r\nb: 1\r\n", ""},
		{"behind a text of several lines from Windows", "a: {\r\n\tb: \"\"\"\r\n\t\tx\r\n\t\t\"\"\"\r\n}\r\n", set("a/c", 1), "a: {\r\n\tb: \"\"\"\r\n\t\tx\r\n\t\t\"\"\"\r\n\tc: 1\r\n}\r\n", ""},
		{"names in quotes and commas, as in JSON", "\"a\": {\n\t\"b\": 1,\n\t\"c\": 2\n}\n", set("a/d/e", 3), "\"a\": {\n\t\"b\": 1,\n\t\"c\": 2,\n\t\"d\": \"e\": 3\n}\n", ""},
		{"a comma behind the last", "a: {\n\tb: 1, // one\n}\n", set("a/c", 2), "a: {\n\tb: 1, // one\n\tc: 2,\n}\n", ""},
		{"aligned as the formatter would", "a: {\n\tname: \"x\"\n}\n", set("a/id", 2), "a: {\n\tname: \"x\"\n\tid:   2\n}\n", ""},
		{"not aligned where nobody aligns", "a: {\n\tname: \"x\"\n\tid: 1\n}\n", set("a/no", 2), "a: {\n\tname: \"x\"\n\tid: 1\n\tno: 2\n}\n", ""},
		{"among the fields of a tenant", "tenant: acme: {\n\tcell:      \"eu\"\n\tresidency: \"eu\"\n\tdomains: []\n}\n", set("tenant/acme/lifecycle", "suspended"), "tenant: acme: {\n\tcell:      \"eu\"\n\tlifecycle: \"suspended\"\n\tresidency: \"eu\"\n\tdomains: []\n}\n", ""},
		{"a struct on lines that holds a comment alone", "a: { // soon\n\t// nothing yet\n}\n", set("a/b", 1), "a: { // soon\n\tb: 1\n\t// nothing yet\n}\n", ""},
		{"no line break at the end", "a: 1", set("b", 2), "a: 1\n\nb: 2\n", ""},
		{"an empty file", "", set("b", 2), "b: 2\n", ""},
		{"a comment at the end stays where it is", "a: {\n\tb: 1\n\t// the end\n}\n", set("a/c", 2), "a: {\n\tb: 1\n\tc: 2\n\t// the end\n}\n", ""},
		{"one line goes on", "a: {b: 1, c: 2}, d: 3\n", set("a/e", 4), "a: {b: 1, c: 2, e: 4}, d: 3\n", ""},
		{"a struct field by field", "a: {\n\tb: true // why\n\tc: false\n}\n", set("a", map[string]any{"b": true, "c": true}), "a: {\n\tb: true // why\n\tc: true\n}\n", ""},
		{"a struct that loses a field", "a: {\n\tb: true // why\n\t// and this\n\tc: false\n}\n", set("a", map[string]any{"b": true}), "a: {\n\tb: true // why\n}\n", ""},
		{"a list that grows", "a: [\n\t1, // one\n]\n", set("a", []int{1, 2}), "a: [\n\t1, // one\n\t2,\n]\n", ""},
		{"a list that loses one", "a: [\n\t1, // one\n\t2,\n\t3,\n]\n", set("a", []int{1, 3}), "a: [\n\t1, // one\n\t3,\n]\n", ""},
		{"the same number otherwise written", "a: 0x10\n", set("a", 16), "a: 0x10\n", ""},
		{"an element", "a: [{b: 1}, {b: 2}]\n", set("a/1/b", 3), "a: [{b: 1}, {b: 3}]\n", ""},
		{"a record at the end of a policy", "p: s.#P & {\n\ttitle: \"x\"\n}\n", set("p/e", rec), "p: s.#P & {\n\ttitle: \"x\"\n\te: {\n\t\ttenant: \"acme\"\n\t\tuntil:  \"2027\"\n\t}\n}\n", ""},
		{"beside what is computed", "p: s.#P & {\n\ta: x + 1\n\tif y {b: 1}\n}\n", set("p/c", 1), "p: s.#P & {\n\ta: x + 1\n\tif y {b: 1}\n\tc: 1\n}\n", ""},
	})
}

func TestSetLeavesToAPerson(t *testing.T) {
	play(t, []editCase{
		{"a sum", "a: 1\nb: a + 1\n", set("b", 3), "", "it is computed at line 2; edit by hand"},
		{"a default", "a: *1 | int\n", set("a", 3), "", "computed at line 1"},
		{"a reference on the way", "a: #B\n", set("a/b", 3), "", "computed at line 1"},
		{"a text with a name in it", "a: \"\\(b)\"\n", set("a", "x"), "", "computed at line 1"},
		{"a condition", "if x {\n\ta: 1\n}\n", set("a", 2), "", "computed at line 1"},
		{"a choice of structs", "a: {b: 1} | {b: 2}\n", set("a/b", 3), "", "computed at line 1"},
		{"an optional value", "a?: 1\n", set("a", 2), "", "computed at line 1"},
		{"a comment inside", "a: [\n\t1, // one\n]\n", set("a", []int{2}), "", "the comment at line 2 would be lost"},
		{"twice", "a: b: 1\n\na: b: 1\n", set("a/b", 2), "", "it is given more than once, at line 1 and line 3"},
		{"through a text", "a: \"x\"\n", set("a/b", 2), "", "a is \"x\" at line 1, and nothing can be added to it"},
		{"an element that isn't there", "a: [1]\n", set("a/1", 2), "", "a is […] at line 1"},
		{"a pattern alone", "a: {\n\t...\n}\n", set("a/b", 2), "", "computed at line 1"},
	})
	if _, err := SetField([]byte(strings.Repeat("a: ", 2000)+"1"), []string{"b"}, 1); err == nil || !strings.Contains(err.Error(), "nested too deep") {
		t.Errorf("2000 levels: %v", err)
	}
}

func TestRemove(t *testing.T) {
	play(t, []editCase{
		{"with its comments", "a: 1 // one\n\n// two\n// more\nb: 2 // also\n\n// three\nc: 3\n", remove("b"), "a: 1 // one\n\n// three\nc: 3\n", ""},
		{"the last", "a: {\n\tb: 1\n\n\t// why\n\tc: 2\n}\n", remove("a/c"), "a: {\n\tb: 1\n}\n", ""},
		{"the first", "a: {\n\tb: 1\n\n\tc: 2\n}\n", remove("a/b"), "a: {\n\tc: 2\n}\n", ""},
		{"the only", "a: {\n\tb: 1\n}\n", remove("a/b"), "a: {\n}\n", ""},
		{"a whole chain", "t: a: {\n\tx: 1\n\tadopt: data: \"y\" // theirs\n}\n", remove("t/a/adopt/data"), "t: a: {\n\tx: 1\n}\n", ""},
		{"on one line", "a: {b: 1, c: 2, d: 3}\n", remove("a/c"), "a: {b: 1, d: 3}\n", ""},
		{"first on one line", "a: {b: 1, c: 2}\n", remove("a/b"), "a: {c: 2}\n", ""},
		{"last on one line", "a: {b: 1, c: 2}\n", remove("a/c"), "a: {b: 1}\n", ""},
		{"alone on one line", "a: {b: 1}\n", remove("a/b"), "a: {}\n", ""},
		{"on several places", "a: b: 1\nx: 1\na: c: 2\n", remove("a"), "x: 1\n", ""},
		{"lines that end as on Windows", "a: 1\r\n// two\r\nb: 2\r\nc: 3\r\n", remove("b"), "a: 1\r\nc: 3\r\n", ""},
		{"what isn't there", "a: 1\n", remove("b/c"), "a: 1\n", ""},
		{"the first of two on a line", "a: 1, b: 2 // both\n", remove("a"), "b: 2 // both\n", ""},
		{"the second of two on a line", "a: 1, b: 2 // both\n", remove("b"), "a: 1 // both\n", ""},
		{"in JSON", "{\n\t\"a\": 1,\n\t\"b\": 2\n}\n", remove("a"), "{\n\t\"b\": 2\n}\n", ""},
		{"what is computed", "a: b\n", remove("a"), "", "computed at line 1"},
	})
}

func TestLists(t *testing.T) {
	rec := record{{"tenant", "acme"}, {"until", "2027"}}
	play(t, []editCase{
		{"on one line", "a: [1, 2]\n", add("a", 3), "a: [1, 2, 3]\n", ""},
		{"with a comma behind the last", "a: [1, 2, ]\n", add("a", 3), "a: [1, 2, 3, ]\n", ""},
		{"empty", "a: []\n", add("a", 3), "a: [3]\n", ""},
		{"a line each", "a: [\n\t1,\n\t2, // two\n]\n", add("a", 3), "a: [\n\t1,\n\t2, // two\n\t3,\n]\n", ""},
		{"a line each, no comma behind the last", "a: [\n  1,\n  2 // two\n]\n", add("a", 3), "a: [\n  1,\n  2, // two\n  3\n]\n", ""},
		{"not there", "p: {\n\tx: 1\n}\n", add("p/a", rec), "p: {\n\tx: 1\n\ta: [{\n\t\ttenant: \"acme\"\n\t\tuntil:  \"2027\"\n\t}]\n}\n", ""},
		{"structs joined", "p: {\n\ta: [{\n\t\ttenant: \"b\"\n\t}]\n}\n", add("p/a", rec), "p: {\n\ta: [{\n\t\ttenant: \"b\"\n\t}, {\n\t\ttenant: \"acme\"\n\t\tuntil:  \"2027\"\n\t}]\n}\n", ""},
		{"structs a line each", "a: [\n\t{tenant: \"b\"},\n]\n", add("a", rec), "a: [\n\t{tenant: \"b\"},\n\t{tenant: \"acme\", until: \"2027\"},\n]\n", ""},
		{"empty on lines", "a: [\n\t// none\n]\n", add("a", 1), "a: [\n\t1,\n\t// none\n]\n", ""},
		{"empty in a policy", "p: {\n\ta: []\n}\n", add("p/a", rec), "p: {\n\ta: [{\n\t\ttenant: \"acme\"\n\t\tuntil:  \"2027\"\n\t}]\n}\n", ""},
		{"no list", "a: 1\n", add("a", 1), "", "it is 1 at line 1, and no list"},
		{"a computed list", "a: [for x in y {x}]\n", add("a", 1), "", "computed at line 1"},
		{"an open list", "a: [1, ...]\n", add("a", 1), "", "computed at line 1"},
		{"a reference", "a: b\n", add("a", 1), "", "computed at line 1"},

		{"the first goes", "a: [1, 2]\n", drop("a", 0), "a: [2]\n", ""},
		{"the last goes", "a: [1, 2]\n", drop("a", 1), "a: [1]\n", ""},
		{"the only goes", "a: [1]\n", drop("a", 0), "a: []\n", ""},
		{"a line goes with its comments", "a: [\n\t1,\n\n\t// two\n\t2, // ii\n]\n", drop("a", 1), "a: [\n\t1,\n]\n", ""},
		{"a joined struct goes", "a: [{\n\tb: 1\n}, {\n\tb: 2\n}]\n", drop("a", 0), "a: [{\n\tb: 2\n}]\n", ""},
		{"the last joined struct goes", "a: [{\n\tb: 1\n}, {\n\tb: 2\n}]\n", drop("a", 1), "a: [{\n\tb: 1\n}]\n", ""},
		{"beyond the end", "a: [1]\n", drop("a", 1), "", "has 1 element"},
		{"of no list", "b: 1\n", drop("a", 1), "", "no such list"},
	})
}
