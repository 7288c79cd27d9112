package schema

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
	"pgregory.net/rapid"
)

// A writer makes random files as people write them: each has its habits, and breaks them now and then.
type writer struct {
	t            *rapid.T
	b            strings.Builder
	eol, unit    string
	commas       bool // behind each line
	quotes       bool // around every name
	computed     bool // there are parts that only an evaluator understands
	comments     int
	distinctKeys bool
}

func newWriter(t *rapid.T) *writer {
	w := &writer{
		t: t, eol: rapid.SampledFrom([]string{"\n", "\n", "\r\n"}).Draw(t, "eol"), unit: rapid.SampledFrom([]string{"\t", "  ", "    ", ""}).Draw(t, "unit"),
		commas: rapid.Bool().Draw(t, "commas"), quotes: rapid.Bool().Draw(t, "quotes"), distinctKeys: rapid.IntRange(0, 4).Draw(t, "distinct") > 0,
	}
	w.b.WriteString("package fleet" + w.eol + w.eol)
	return w
}

// chance is true n times in ten.
func (w *writer) chance(n int) bool { return rapid.IntRange(1, 10).Draw(w.t, "chance") <= n }

func (w *writer) comment() string {
	w.comments++
	return fmt.Sprintf("// note %d: {[\"", w.comments)
}

func (w *writer) name(used map[string]bool) string {
	name := rapid.SampledFrom([]string{"a", "b", "c", "d", "e-f", "g h", "i", "for"}).Draw(w.t, "name")
	if w.distinctKeys && used[name] {
		name += strconv.Itoa(len(used))
	}
	used[name] = true
	if w.quotes || w.chance(1) {
		return quoteText(name)
	}
	return label(name)
}

// fields writes the lines of a struct.
func (w *writer) fields(depth int, indent string) {
	used := map[string]bool{}
	for range rapid.IntRange(0, 4).Draw(w.t, "fields") {
		if w.chance(2) {
			w.b.WriteString(w.eol)
		}
		if w.chance(3) {
			w.b.WriteString(indent + w.comment() + w.eol)
		}
		if w.computed && w.chance(3) {
			w.b.WriteString(indent + rapid.SampledFrom([]string{"x1: y1 + 1", "if y1 {" + w.eol + "z1: 1" + w.eol + "}", "x2: *1 | int // " + strconv.Itoa(w.comments), "x3?: string", "[string]: _", "#d: _", "s.#P"}).Draw(w.t, "computed") + w.eol)
		}
		w.b.WriteString(indent + w.name(used) + ":")
		for range rapid.IntRange(0, 3).Draw(w.t, "chain") / 3 {
			w.b.WriteString(" " + w.name(map[string]bool{}) + ":")
		}
		w.b.WriteString(rapid.SampledFrom([]string{" ", " ", "", "    "}).Draw(w.t, "space"))
		w.value(depth, indent)
		switch {
		case w.commas || w.chance(1):
			w.b.WriteString(",")
		case w.chance(1):
			w.b.WriteString(", " + w.name(used) + ": 7")
		}
		if w.chance(3) {
			w.b.WriteString(rapid.SampledFrom([]string{" ", "", "\t"}).Draw(w.t, "gap") + w.comment())
		}
		w.b.WriteString(w.eol)
	}
	if w.chance(1) {
		w.b.WriteString(indent + w.comment() + w.eol)
	}
}

func (w *writer) scalar(indent string) {
	lines := "\"\"\"" + w.eol + indent + "// no comment" + w.eol + w.eol + indent + "b: 2" + w.eol + indent + "\"\"\""
	w.b.WriteString(rapid.SampledFrom([]string{"1", "-2", "0x1F", "1_000", "2.50", "true", "false", `"x"`, `"// no"`, `"é\n\u00e9"`, `#"\(raw)"#`, lines, `""`}).Draw(w.t, "scalar"))
}

func (w *writer) value(depth int, indent string) {
	inner := indent + w.unit
	switch kind := rapid.IntRange(0, 6).Draw(w.t, "kind"); {
	case depth == 0 || kind < 2:
		w.scalar(inner)
	case kind < 4:
		w.b.WriteString("{")
		if w.chance(2) {
			w.b.WriteString(" " + w.comment())
		}
		w.b.WriteString(w.eol)
		w.fields(depth-1, inner)
		w.b.WriteString(indent + "}")
	case kind == 4:
		used := map[string]bool{}
		w.b.WriteString("{")
		for i := range rapid.IntRange(0, 3).Draw(w.t, "inline") {
			if i > 0 {
				w.b.WriteString(", ")
			}
			w.b.WriteString(w.name(used) + ": " + rapid.SampledFrom([]string{"1", `"y"`, "[1,2]", "{}"}).Draw(w.t, "short"))
		}
		w.b.WriteString("}")
	case kind == 5:
		w.b.WriteString(rapid.SampledFrom([]string{"[]", "[1]", `["a", "b"]`, "[1, 2, ]", "[{a: 1}, {a: 2}]", "[ ]"}).Draw(w.t, "list"))
	default:
		w.b.WriteString("[" + w.eol)
		for range rapid.IntRange(0, 3).Draw(w.t, "elements") {
			w.b.WriteString(inner)
			w.value(depth-1, inner)
			w.b.WriteString(",")
			if w.chance(3) {
				w.b.WriteString(" " + w.comment())
			}
			w.b.WriteString(w.eol)
		}
		w.b.WriteString(indent + "]")
	}
}

// paths lists the paths of decoded data, lists' elements aside.
func paths(v any, at []string, out *[][]string) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	for _, key := range sortedKeys(m) {
		path := append(slices.Clone(at), key)
		*out = append(*out, path)
		paths(m[key], path, out)
	}
}

func valueAt(v any, path []string) any {
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

// An attempt is a random edit of a random file.
type attempt struct {
	path   []string
	op     operation
	again  bool // the operation can be repeated
	set    bool // no part of what is there goes
	simple bool // there is no reason to refuse it
}

func (w *writer) attempt(plain any) attempt {
	t := w.t
	all := [][]string{{"new"}}
	paths(plain, nil, &all)
	path := rapid.SampledFrom(all).Draw(t, "path")
	value := rapid.SampledFrom([]any{1, "x\ny", 2.5, true, []string{}, []any{1, 2}, map[string]any{"a": 1, "z z": []int{1}}, record{{"b", 1}, {"a", "x"}}}).Draw(t, "value")
	have := valueAt(plain, path)
	list, isList := have.([]any)
	_, isStruct := have.(map[string]any)
	lit, err := literalOf(value)
	if err != nil {
		t.Fatal(err)
	}
	switch kind := rapid.IntRange(0, 3).Draw(t, "operation"); {
	case kind == 0 && isList && len(list) > 0:
		return attempt{path: path, op: without(rapid.IntRange(0, len(list)-1).Draw(t, "index")), simple: true}
	case kind == 0:
		return attempt{path: path, op: removed, simple: true}
	case kind == 1 && (isList || have == nil):
		return attempt{path: path, op: appended(lit), simple: true}
	case kind == 2 && isStruct:
		return attempt{path: append(slices.Clone(path), "fresh", "er"), op: setTo(lit), again: true, set: true, simple: true}
	}
	return attempt{path: path, op: setTo(lit), again: true, set: !isList && !isStruct, simple: !isList && !isStruct}
}

func notes(t *rapid.T, file []byte) []string {
	d, err := newDocument("", file)
	if err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	var out []string
	for _, c := range comments(d.syntax) {
		out = append(out, c.Text)
	}
	return out
}

// Of a file of plain data, an edit changes the path and nothing else: the evaluator is the judge of the
// data, the comments and all bytes around the edit are what they were, and doing it twice changes nothing.
func TestEditsChangeOnlyTheirPath(t *testing.T) {
	made, refusedSimple := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWriter(t)
		w.fields(3, "")
		file := []byte(w.b.String())
		d, err := newDocument("", file)
		if err != nil {
			t.Skip("the names or commas don't fit")
		}
		old, refused := readData(d.syntax)
		if len(refused) > 0 {
			t.Skip("a name was given twice")
		}
		a := w.attempt(old.plain())
		edited, err := editFile("", file, a.path, a.op)
		if err != nil {
			if !errors.Is(err, ErrNotEditable) {
				t.Fatal(err)
			}
			if a.simple && w.distinctKeys {
				refusedSimple++
				if !strings.Contains(err.Error(), "more than once") {
					t.Fatalf("%v: %v\n%s", a.path, err, file)
				}
			}
			return
		}
		made++
		judge(t, file, edited, a, w.eol)
	})
	if made < 50 {
		t.Errorf("only %d edits were made", made)
	}
	t.Logf("%d edits, %d simple ones refused", made, refusedSimple)
}

func judge(t *rapid.T, file, edited []byte, a attempt, eol string) {
	decode := func(text []byte) any {
		v, err := plainOf(bytesJSON(t, text))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	want, have := normal(changed(decode(file), a.path, a.op.data)), normal(decode(edited))
	if !same(prune(want, a.path), prune(have, a.path)) {
		t.Fatalf("%v: want %v, have %v\n%s\nbecomes\n%s", a.path, want, have, file, edited)
	}
	around(t, file, edited, a, eol)
	if a.again {
		again, err := editFile("", edited, a.path, a.op)
		if err != nil || !bytes.Equal(again, edited) {
			t.Fatalf("again: %v\n%s\nbecomes\n%s", err, edited, again)
		}
	}
}

// bytesJSON is what the evaluator makes of a file.
func bytesJSON(t *rapid.T, text []byte) rawJSON {
	f, err := parser.ParseFile("t.cue", text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := cuecontext.New().BuildFile(f).MarshalJSON()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

type rawJSON []byte

// MarshalJSON implements json.Marshaler.
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

// around holds what an edit must leave alone: comments, line ends, and the lines that it isn't about.
func around(t *rapid.T, file, edited []byte, a attempt, eol string) {
	had, has := notes(t, file), notes(t, edited)
	if a.set && !slices.Equal(had, has) {
		t.Fatalf("comments are lost:\n%s\n%s", file, edited)
	}
	for _, text := range has {
		if !slices.Contains(had, text) {
			t.Fatalf("a comment is new: %s", text)
		}
	}
	if eol == "\r\n" && bytes.Count(edited, []byte("\n")) != bytes.Count(edited, []byte("\r\n")) {
		t.Fatalf("a line ends otherwise: %q", edited)
	}
	low, high := extent(t, file, a)
	head, tail := file[:low], file[high:]
	if !a.set { // an empty line may go with it
		tail = bytes.TrimLeft(tail, "\r\n")
	}
	if !bytes.HasPrefix(edited, head) || !bytes.HasSuffix(edited, tail) {
		t.Fatalf("%v: not only %q changes:\n%s\nbecomes\n%s", a.path, file[low:high], file, edited)
	}
}

// extent is from where to where a file writes of a path, as far as it does, by whole lines; with
// the comments above if they go, too.
func extent(t *rapid.T, file []byte, a attempt) (low, high int) {
	d, err := newDocument("", file)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range slices.Backward(d.find(a.path)) {
		if len(at) == 0 {
			continue
		}
		low, high = len(file), 0
		for _, p := range at {
			start := d.lineStart(p.field.Pos().Offset())
			if !a.set {
				start = d.cutLines(start, len(file)).from
			}
			low = min(low, start)
			high = max(high, min(d.lineOf(d.end(p.value)).end+len(d.eol()), len(file)))
		}
		return low, high
	}
	return len(file), len(file)
}

// Around what is computed, edits leave the rest alone as well; the syntax is the judge.
func TestEditsAmongComputedFields(t *testing.T) {
	made := 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWriter(t)
		w.computed, w.distinctKeys = true, true
		w.b.WriteString("import \"x.y/s\"" + w.eol + w.eol + "policy: s.#Policy & {" + w.eol)
		w.fields(2, w.unit)
		w.b.WriteString("}" + w.eol)
		file := []byte(w.b.String())
		if _, err := newDocument("", file); err != nil {
			t.Skip("the names or commas don't fit")
		}
		path := []string{"policy", rapid.SampledFrom([]string{"new", "a", "b", "e-f", "x1", "z1"}).Draw(t, "name")}
		lit, _ := literalOf(rapid.SampledFrom([]any{1, "x", record{{"b", 1}}}).Draw(t, "value"))
		op, setting := appended(lit), rapid.Bool().Draw(t, "set")
		if setting {
			op = setTo(lit)
		}
		edited, err := editFile("p.cue", file, path, op)
		if err != nil {
			if !errors.Is(err, ErrNotEditable) {
				t.Fatal(err)
			}
			return
		}
		made++
		fresh, err := newDocument("", file)
		if err != nil || (path[1] == "x1" || path[1] == "z1") && len(fresh.find(path)[1]) > 0 {
			t.Fatalf("edits what is computed:\n%s\nbecomes\n%s", file, edited)
		}
		again, err := editFile("p.cue", edited, path, op)
		if have := fresh.find(path)[1]; len(have) > 0 && (isStruct(have[0].value) || isList(have[0].value)) {
			return // parts of it may go, with their comments
		}
		around(t, file, edited, attempt{path: path, set: true}, w.eol)
		if setting && (err != nil || !bytes.Equal(again, edited)) {
			t.Fatalf("again: %v\n%s\nbecomes\n%s", err, edited, again)
		}
	})
	if made < 20 {
		t.Errorf("only %d edits were made", made)
	}
}

func isList(x ast.Expr) bool {
	_, ok := x.(*ast.ListLit)
	return ok
}
