package schema

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// typeWords is a type as people say it.
func typeWords(v cue.Value) string {
	if len(plainChoices(v)) > 1 {
		return "choice"
	}
	one, _ := nouns(v)
	return one
}

// plainChoices are choices between values that are written as one word.
func plainChoices(v cue.Value) []string {
	values := choices(v)
	if slices.ContainsFunc(values, func(text string) bool { return text[0] == '{' || text[0] == '[' }) {
		return nil
	}
	return values
}

// nouns are a type for one value and for many.
func nouns(v cue.Value) (one, many string) {
	kind := v.IncompleteKind()
	element, step := elementAt(v)
	switch step {
	case anyElement:
		_, inner := nouns(element)
		return "list of " + inner, "lists of " + inner
	case anyKey:
		_, inner := nouns(element)
		return inner + " by name", "maps of " + inner + " by name"
	}
	switch kind {
	case cue.StringKind:
		return "text", "texts"
	case cue.BoolKind:
		return "true or false", "values that are true or false"
	case cue.IntKind:
		return "whole number", "whole numbers"
	case cue.NumberKind, cue.FloatKind:
		return "number", "numbers"
	case cue.ListKind:
		return "list", "lists"
	case cue.StructKind:
		return "group of fields", "groups of fields"
	case cue.TopKind:
		return "anything", "values of any type"
	}
	var ones, manies []string
	for _, k := range []cue.Kind{cue.StringKind, cue.NumberKind, cue.BoolKind, cue.ListKind, cue.StructKind} {
		if kind&k != 0 {
			ones = append(ones, kindNoun(k))
			manies = append(manies, kindNoun(k)+"s")
		}
	}
	return oneOf(ones), oneOf(manies)
}

func kindNoun(k cue.Kind) string {
	switch k { //nolint:exhaustive // the kinds of the list above
	case cue.StringKind:
		return "text"
	case cue.NumberKind:
		return "number"
	case cue.BoolKind:
		return "truth value"
	case cue.ListKind:
		return "list"
	}
	return "group of fields"
}

// takes completes "it is …": what the schema says of the field itself, or what its parent says of each element.
func (m *Manual) takes(at point) string {
	if len(at.steps) == 0 || at.v.IncompleteKind()&(cue.StructKind|cue.ListKind) != 0 && len(m.inside(at)) > 0 {
		return "" // its fields say it
	}
	text := wanted(at.v)
	if strings.Contains(text, "{}") {
		return ""
	}
	if noun, _ := nouns(at.v); text == noun || text == "a "+noun || text == "a group of fields in { }" || text == "a list in [ ]" {
		return ""
	}
	return text
}

// defaultOf is what holds if nobody writes a field. constant tells that nothing else is possible.
func (m *Manual) defaultOf(at point) (text string, constant bool) {
	v := at.v
	if at.kind != "" && len(at.steps) == 1 {
		v = m.named(at)
	}
	if len(at.steps) == 0 {
		return "", false
	}
	op, _ := v.Expr()
	preset, has := v.Default()
	if !has && (!v.IsConcrete() || v.IncompleteKind()&(cue.StructKind|cue.ListKind) != 0) || at.sel.ConstraintType() != 0 && !has {
		return "", false
	}
	if preset.IncompleteKind() == cue.StructKind {
		return "", false // its fields have theirs
	}
	if preset.Validate(cue.Concrete(true)) != nil {
		return "", false
	}
	out, err := preset.MarshalJSON()
	if err != nil {
		return "", false
	}
	return oneLine(string(out)), !has && op != cue.OrOp && len(choices(v)) < 2
}

// derived tells whether an attribute's default is made of names.
func (m *Manual) derived(at point) bool {
	return concreteDefault(m.named(at)) && !concreteDefault(at.v)
}

func concreteDefault(v cue.Value) bool {
	preset, has := v.Default()
	return has && preset.Validate(cue.Concrete(true)) == nil
}

// named is an attribute of a resource that is called as one of the example's is, to show the names that
// are made of it.
func (m *Manual) named(at point) cue.Value {
	const name, unique = "brightdesk-acme-data", "brightdesk-acme-data-111122223333"
	kind := m.defined[at.kind]
	for input, text := range map[string]string{"name": name, "unique": unique} {
		kind = kind.FillPath(cue.MakePath(cue.Def(input)), text)
	}
	if v := kind.LookupPath(cue.MakePath(cue.Str(at.steps[0]))); v.Exists() {
		return v
	}
	return at.v
}

// oneLine writes JSON as people write CUE, on one line. What isn't JSON stays as it is.
func oneLine(text string) string {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return text
	}
	var b strings.Builder
	writeCUE(&b, v)
	return b.String()
}

func writeCUE(b *strings.Builder, v any) {
	switch v := v.(type) {
	case map[string]any:
		b.WriteString("{")
		for i, key := range sortedKeys(v) {
			if i > 0 {
				b.WriteString(", ")
			}
			if ast.IsValidIdent(key) {
				b.WriteString(key)
			} else {
				b.WriteString(strconv.Quote(key))
			}
			b.WriteString(": ")
			writeCUE(b, v[key])
		}
		b.WriteString("}")
	case []any:
		b.WriteString("[")
		for i, element := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			writeCUE(b, element)
		}
		b.WriteString("]")
	case string:
		b.WriteString(strconv.Quote(v))
	case json.Number:
		b.WriteString(v.String())
	case bool:
		b.WriteString(strconv.FormatBool(v))
	default:
		b.WriteString("null")
	}
}

// text is the documentation of a point: its own, and if it has none, that of the definition that it
// is. An address of AWS is taken out of it.
func (m *Manual) text(at point) (text, aws string) {
	text = m.comments(at.v)
	for v := at.v; text == ""; {
		root, path := v.ReferencePath()
		if len(path.Selectors()) == 1 && root.Exists() {
			text = m.comments(root.LookupPath(path))
		}
		element, step := elementAt(v)
		if step != anyElement {
			break
		}
		v = element
	}
	if found := awsPage.FindStringSubmatch(text); found != nil {
		aws = found[1]
		text = awsPage.ReplaceAllString(text, "")
	}
	return strings.TrimSpace(text), aws
}

var (
	awsPage    = regexp.MustCompile(`\s*AWS: (https://\S+)`)
	definition = regexp.MustCompile(`(^|[\s(])#([A-Z][A-Za-z]*)\b`)
	wrapped    = regexp.MustCompile(`([^\n])\n([^\n-])`)
)

// comments are the comments above a field: paragraphs on a line each, names of definitions without
// their sign. A comment that documents a pattern speaks of all its elements and is left out.
func (m *Manual) comments(v cue.Value) string {
	var out []string
	for _, group := range v.Doc() {
		text := strings.TrimSpace(group.Text())
		if text == "" || slices.Contains(out, text) || strings.HasPrefix(text, "#Kinds ") {
			continue
		}
		out = append(out, text)
	}
	text := wrapped.ReplaceAllString(strings.Join(out, "\n\n"), "$1 $2")
	text = definition.ReplaceAllString(strings.ReplaceAll(text, "\n\n", "\n"), "$1$2")
	if _, rest, found := strings.Cut(text, " "); found && strings.HasPrefix(out[0], "#") {
		for _, verb := range []string{"is ", "are "} { // "#Contact is a person" says "A person" below the title contact
			if rest, is := strings.CutPrefix(rest, verb); is && !strings.HasPrefix(rest, fleetFile) {
				return strings.ToUpper(rest[:1]) + rest[1:]
			}
		}
	}
	return text
}
