package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
	"pgregory.net/rapid"

	"tenantry.dev/reconciler/resource"
)

// agree compares what an accepted file says with what the evaluator makes of it. It returns "" if
// they agree.
func agree(text []byte) string {
	f, err := parser.ParseFile("t.cue", text)
	if err != nil {
		return ""
	}
	root, refused := readData(f)
	if len(refused) > 0 {
		return ""
	}
	ctx := cuecontext.New()
	whole := ctx.BuildFile(f)
	theirs, err := whole.MarshalJSON()
	if err != nil {
		return fmt.Sprintf("accepted, but the evaluator says %v", err)
	}
	plain, err := json.Marshal(root.plain())
	if err != nil {
		return err.Error()
	}
	again, err := ctx.BuildExpr(root.expression()).MarshalJSON()
	if err != nil {
		return fmt.Sprintf("accepted, but as an expression it is %v", err)
	}
	for _, mine := range [][]byte{plain, again} {
		a, errA := resource.ParseValue(mine)
		b, errB := resource.ParseValue(theirs)
		if errA != nil || errB != nil || a != b {
			return fmt.Sprintf("read as %s, evaluated as %s (%v, %v)", mine, theirs, errA, errB)
		}
	}
	return ""
}

// genValue writes plain data in the many ways in which CUE allows it.
func genValue(depth int) *rapid.Generator[string] {
	scalars := []*rapid.Generator[string]{
		rapid.Map(rapid.IntRange(-1000, 1000), func(n int) string { return fmt.Sprint(n) }),
		rapid.SampledFrom([]string{"true", "false", "null", "0x1F", "1_000", "0b101", "0o17", "1.50", "-0.25", ".5", "+3", `#"a\b"#`, "\"\"\"\n\tmany\n\tlines\n\t\"\"\"", `"é\n\u00e9"`}),
		rapid.Map(rapid.StringMatching(`[a-z \\"]{0,8}`), quoteText),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	list := rapid.Map(rapid.SliceOfN(genValue(depth-1), 0, 3), func(v []string) string { return "[" + strings.Join(v, ", ") + "]" })
	object := rapid.Map(genFields(depth-1), func(s string) string { return "{" + s + "}" })
	return rapid.OneOf(append(scalars, list, object)...)
}

func genFields(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for range rapid.IntRange(0, 4).Draw(t, "fields") {
			for range rapid.IntRange(1, 2).Draw(t, "path") {
				b.WriteString(rapid.SampledFrom([]string{"a", "b", "c", `"d e"`, `"a"`}).Draw(t, "key") + ": ")
			}
			b.WriteString(genValue(depth).Draw(t, "value") + "\n")
		}
		return b.String()
	})
}

func TestDataIsWhatTheEvaluatorSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := "package fleet\n\n" + genFields(2).Draw(t, "file")
		if wrong := agree([]byte(text)); wrong != "" {
			t.Fatalf("%s\n%s", wrong, text)
		}
	})
}

func FuzzReadData(f *testing.F) {
	for _, seed := range []string{"a: 1\n", "a: b: 1\na: c: 2\n", "a: [1, {b: -2}]\n", "a: 1e3\n", "X=a: 1\n", "a: 'x'\n", "a: \"\\(b)\"\n", "a: 0x10\na: 16\n", "a: [1]\na: [1]\n", strings.Repeat("a:", 40) + "1", "a: 1K\n", "_a: 1\n", "a: {b: 1} @x()\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if wrong := agree(text); wrong != "" {
			t.Fatalf("%s\n%s", wrong, text)
		}
	})
}

// Every construct that isn't plain data is refused by its own line; taking a row out of the reader
// makes one of these pass.
func TestNotData(t *testing.T) {
	for _, text := range []string{
		"a: b", "a: string", "import \"strings\"\na: 1", "a: 1 + 1", "a: \"\\(1)\"", "a: [for x in [1] {x}]", "if true {a: 1}", "let x = 1\na: 1",
		"a: {\"b\"}", "a: {...}", "a: [...]", "[string]: 1", "a?: 1", "a!: 1", "a: *1 | 2", "(\"a\"): 1", "\"\\(1)\": 1", "a: 1 @embed(file=x)", "@extern(embed)\na: 1",
		"_a: 1", "#a: 1", "X=a: 1", "a: X={b: 1}", "a: 1e3", "a: 2.5E2", "a: 'bytes'", "a: '''\n\tbytes\n\t'''", "a: 1K", "a: >1", "a: !true", "a: -true", "a: (1)", "a: x.y", "a: x[0]", "a: len(x)",
		strings.Repeat("a: ", 40) + "1", "a: " + strings.Repeat("[", 40) + strings.Repeat("]", 40), "a: 1\na: 2", "a: [1]\na: [1, 2]", "a: _|_", "a: _", "a: {b: c: [{d: x}]}",
		"a: " + strings.Repeat("9", 65),
	} {
		f, err := parser.ParseFile("t.cue", text)
		if err != nil {
			t.Errorf("%q is no CUE: %v", text, err)
			continue
		}
		_, refused := readData(f)
		if len(refused) == 0 {
			t.Errorf("%q is accepted", text)
		}
		for _, r := range refused {
			if r.at == nil || !r.at.Pos().IsValid() {
				t.Errorf("%q: %s: no place", text, r.message)
			}
		}
	}
}

// A file may hold tens of thousands of fields in one struct; finding one of them must not mean to look
// at all of them. Dropping fields and giving them twice goes on to work.
func TestManyFields(t *testing.T) {
	const fields = 20_000
	var b strings.Builder
	for i := range fields {
		fmt.Fprintf(&b, "a%d: %d\n", i, i)
	}
	b.WriteString("a7: 7\na19999: 19999\na8: 9\n")
	f, err := parser.ParseFile("", b.String())
	if err != nil {
		t.Fatal(err)
	}
	root, refused := readData(f)
	if len(refused) != 1 || refused[0].message != "a8 is given twice, here and in line 9, and they differ" {
		t.Errorf("%+v", refused)
	}
	if len(root.fields) != fields || len(root.index) != fields {
		t.Errorf("%d fields, %d in the index", len(root.fields), len(root.index))
	}
	root.drop([]string{"a5"})
	if root.get("a5") != nil || root.get("a6").scalar != json.Number("6") || root.get("a19999").scalar != json.Number("19999") {
		t.Error("the wrong field was dropped")
	}
}
