package schema

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
)

// A mutation changes the files of a fleet as people do by mistake, and some as they do on purpose. It
// says what it did; empty if it found nothing to change.
type mutation func(r *rand.Rand, files map[string][]byte) string

// mutations are drawn from with equal weight.
var mutations = []mutation{
	replaceLiteral, replaceLiteral, replaceLiteral, swapLiterals, removeField, removeField, renameField, repeatField,
	addField, addOverride, addOverride, addOverride, refer, express, removeFile, renameFile, shareDomain, adoptSomething, cutShort,
	insertKnown, dropMark, changeOperator,
}

// mangle changes a fleet n times.
func mangle(r *rand.Rand, files map[string][]byte, n int) []string {
	var said []string
	for tries := 0; len(said) < n && tries < 20*n; tries++ {
		if what := mutations[r.IntN(len(mutations))](r, files); what != "" {
			said = append(said, what)
		}
	}
	return said
}

// definitionFile draws a file that people write; tenants' more often than others.
func definitionFile(r *rand.Rand, files map[string][]byte) string {
	var all, tenants []string
	for _, name := range sortedKeys(files) {
		if strings.HasPrefix(name, "cue.mod/") || name == "join.cue" || !strings.HasSuffix(name, ".cue") {
			continue
		}
		all = append(all, name)
		if strings.HasPrefix(name, tenantsDir+"/") {
			tenants = append(tenants, name)
		}
	}
	if len(tenants) > 0 && r.IntN(2) == 0 {
		return tenants[r.IntN(len(tenants))]
	}
	return all[r.IntN(len(all))]
}

// nodesIn draws a file and lists its fields and literals, imports aside.
func nodesIn(r *rand.Rand, files map[string][]byte) (name string, fields []*ast.Field, literals []*ast.BasicLit) {
	name = definitionFile(r, files)
	f, err := parser.ParseFile(name, files[name])
	if err != nil {
		return name, nil, nil
	}
	for _, d := range f.Decls {
		ast.Walk(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportDecl:
				return false
			case *ast.Field:
				fields = append(fields, n)
				if lit, ok := n.Value.(*ast.BasicLit); ok {
					literals = append(literals, lit)
				}
				if list, ok := n.Value.(*ast.ListLit); ok {
					for _, e := range list.Elts {
						if lit, ok := e.(*ast.BasicLit); ok {
							literals = append(literals, lit)
						}
					}
				}
			}
			return true
		}, nil)
	}
	return name, fields, literals
}

func spliceNode(text []byte, n ast.Node, with string) []byte {
	return slices.Concat(text[:n.Pos().Offset()], []byte(with), text[n.End().Offset():])
}

func sourceOf(text []byte, n ast.Node) string {
	return string(text[n.Pos().Offset():n.End().Offset()])
}

func draw(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

// anyValue is a value that may or may not fit.
func anyValue(r *rand.Rand) string {
	return draw(r, `""`, `"x"`, `"UPPER case"`, "7", "-1", "0", "1.5", "30", "60", "90", "365", "true", "false", "null", "[]", "{}", `["x"]`,
		`"eu-1"`, `"us-1"`, `"eu-central-1"`, `"team"`, `"pool"`, `"enterprise"`, `"eu"`, `"us"`, `"active"`, `"offboarding"`, `"deny"`, `"warn"`,
		`"someone@example.com"`, `"${key.arn}"`, `"111122223333"`, `"24h"`, `"0 6 * * *"`, `1e3`, `"`+strings.Repeat("long", 30)+`"`)
}

func replaceLiteral(r *rand.Rand, files map[string][]byte) string {
	name, _, literals := nodesIn(r, files)
	if len(literals) == 0 {
		return ""
	}
	lit, with := literals[r.IntN(len(literals))], anyValue(r)
	what := fmt.Sprintf("%s: %s becomes %s", name, lit.Value, with)
	files[name] = spliceNode(files[name], lit, with)
	return what
}

func swapLiterals(r *rand.Rand, files map[string][]byte) string {
	name, _, literals := nodesIn(r, files)
	if len(literals) < 2 {
		return ""
	}
	a, b := literals[r.IntN(len(literals))], literals[r.IntN(len(literals))]
	files[name] = spliceNode(files[name], a, b.Value)
	return fmt.Sprintf("%s: %s becomes %s, as elsewhere", name, a.Value, b.Value)
}

func removeField(r *rand.Rand, files map[string][]byte) string {
	name, fields, _ := nodesIn(r, files)
	if len(fields) == 0 {
		return ""
	}
	f := fields[r.IntN(len(fields))]
	text := string(files[name])
	label := labelOf(f)
	begin := strings.LastIndexAny(text[:f.Pos().Offset()], "\n{,[") + 1
	if strings.TrimSpace(text[begin:f.Pos().Offset()]) != "" {
		return ""
	}
	files[name] = []byte(text[:f.Pos().Offset()] + text[f.End().Offset():])
	return fmt.Sprintf("%s: without %s", name, label)
}

func renameField(r *rand.Rand, files map[string][]byte) string {
	name, fields, _ := nodesIn(r, files)
	if len(fields) == 0 {
		return ""
	}
	f := fields[r.IntN(len(fields))]
	to := draw(r, labelOf(f)+"s", "colour", "plan", "limits", "tags", "policy", "versioning", "Name", "kind")
	if strings.HasPrefix(labelOf(f), "#") {
		return ""
	}
	what := fmt.Sprintf("%s: %s is called %s", name, labelOf(f), to)
	files[name] = spliceNode(files[name], f.Label, fmt.Sprintf("%q", to))
	return what
}

func repeatField(r *rand.Rand, files map[string][]byte) string {
	name, fields, _ := nodesIn(r, files)
	if len(fields) == 0 {
		return ""
	}
	f := fields[r.IntN(len(fields))]
	text := files[name]
	value := anyValue(r)
	if r.IntN(3) == 0 {
		value = sourceOf(text, f.Value)
	}
	label := sourceOf(text, f.Label)
	end := f.End().Offset()
	files[name] = slices.Concat(text[:end], []byte("\n"+label+": "+value+"\n"), text[end:])
	return fmt.Sprintf("%s: again %s: %s", name, label, value)
}

// insertInto adds a line to the struct of a file's definition.
func insertInto(r *rand.Rand, files map[string][]byte, name, line string) string {
	f, err := parser.ParseFile(name, files[name])
	if err != nil {
		return ""
	}
	var structs []*ast.StructLit
	ast.Walk(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.StructLit); ok && s.Rbrace.IsValid() && len(structs) == 0 {
			structs = append(structs, s)
		}
		return true
	}, nil)
	if len(structs) == 0 {
		return ""
	}
	_ = r
	end := structs[0].Rbrace.Offset()
	files[name] = slices.Concat(files[name][:end], []byte("\n"+line+"\n"), files[name][end:])
	return name + ": more: " + line
}

func addField(r *rand.Rand, files map[string][]byte) string {
	return insertInto(r, files, definitionFile(r, files), draw(r, "colour: \"blue\"", "name: \"other\"", "\"with space\": 1", "_hidden: 1", "#private: 1", "x?: 1", "...", "tenant: {}", "limits: {}"))
}

func fileOfTenant(r *rand.Rand, files map[string][]byte) string {
	for range 20 {
		if name := definitionFile(r, files); strings.HasPrefix(name, tenantsDir+"/") {
			return name
		}
	}
	return definitionFile(r, files)
}

func addOverride(r *rand.Rand, files map[string][]byte) string {
	resources := []string{"data", "logs", "jobs", "errors", "backlog", "key", "role", "credentials", "files", "dead", "nothing"}
	attributes := []string{"retentionDays", "versioning", "visibilityTimeout", "threshold", "delay", "name", "tags", "kind", "policy", "description", "lifecycle", "encryption", "inlinePolicies", "nothing", "period", "rotation", "alarmActions"}
	value := anyValue(r)
	if r.IntN(4) == 0 {
		value = draw(r, `{tenant: "x"}`, `{extra: "x"}`, `{algorithm: "AES256"}`, `["${cell.alerts.arn}"]`, `[{id: "x"}]`, "180", "600", "731", "1827", "120")
	}
	return insertInto(r, files, fileOfTenant(r, files), fmt.Sprintf("overrides: %s: %s: %s", draw(r, resources...), draw(r, attributes...), value))
}

func refer(r *rand.Rand, files map[string][]byte) string {
	name, _, literals := nodesIn(r, files)
	texts := slices.DeleteFunc(literals, func(l *ast.BasicLit) bool { return !strings.HasPrefix(l.Value, `"`) })
	if len(texts) == 0 {
		return ""
	}
	lit, with := texts[r.IntN(len(texts))], draw(r, `"${nothing.arn}"`, `"${key.nothing}"`, `"${cell.alerts.arn}"`, `"${cell.nothing.arn}"`, `"${"`, `"${data.arn}"`, `"$${plain}"`, `"${aws:username}"`, `"${a.b.c.d}"`)
	what := fmt.Sprintf("%s: %s becomes %s", name, lit.Value, with)
	files[name] = spliceNode(files[name], lit, with)
	return what
}

// express writes what is no plain data.
func express(r *rand.Rand, files map[string][]byte) string {
	name, _, literals := nodesIn(r, files)
	if len(literals) == 0 {
		return ""
	}
	lit := literals[r.IntN(len(literals))]
	with := draw(r, "*"+lit.Value+" | "+lit.Value, "("+lit.Value+")", lit.Value+" & "+lit.Value, "_", "string", "int", "!=\"x\"", lit.Value+" | \"y\"", "strings.ToUpper(\"x\")", "nothing", "1 + 1", "\"\\(\"x\")\"")
	what := fmt.Sprintf("%s: %s becomes %s", name, lit.Value, with)
	files[name] = spliceNode(files[name], lit, with)
	return what
}

func removeFile(r *rand.Rand, files map[string][]byte) string {
	name := definitionFile(r, files)
	delete(files, name)
	return name + " is gone"
}

func renameFile(r *rand.Rand, files map[string][]byte) string {
	name := definitionFile(r, files)
	to := path.Join(path.Dir(name), draw(r, "other.cue", "Upper.cue", "with space.cue", "deeper/"+path.Base(name), "9.cue"))
	if _, taken := files[to]; taken {
		return ""
	}
	files[to] = files[name]
	delete(files, name)
	return name + " is now " + to
}

func shareDomain(r *rand.Rand, files map[string][]byte) string {
	return insertInto(r, files, fileOfTenant(r, files), draw(r, `domains: ["support.acme.example"]`, `domains: ["help.acme.example", "help.acme.example"]`, `domains: ["Upper.example"]`, `domains: ["new.example"]`))
}

func adoptSomething(r *rand.Rand, files map[string][]byte) string {
	return insertInto(r, files, fileOfTenant(r, files), draw(r, `adopt: data: "some-bucket"`, `adopt: nothing: "x"`, `adopt: data: ""`, `adopt: logs: 7`))
}

func cutShort(r *rand.Rand, files map[string][]byte) string {
	name := definitionFile(r, files)
	n := r.IntN(len(files[name]) + 1)
	files[name] = files[name][:n]
	return fmt.Sprintf("%s: only %d bytes", name, n)
}

func insertKnown(r *rand.Rand, files map[string][]byte) string {
	return insertInto(r, files, fileOfTenant(r, files), draw(r, `lifecycle: "offboarding"`, `lifecycle: "suspended"`, `lifecycle: "gone"`, `residency: "ap"`, `contacts: []`, `name: "acme"`, `overrides: {}`, `adopt: {}`, `domains: []`))
}

func dropMark(r *rand.Rand, files map[string][]byte) string {
	name := definitionFile(r, files)
	text := string(files[name])
	from, to := draw(r, "*", "!", "?", "_", "#"), ""
	if r.IntN(3) == 0 {
		to = draw(r, "*", "!", "?")
	}
	n := strings.Count(text, from)
	if n == 0 {
		return ""
	}
	k := r.IntN(n)
	at := 0
	for range k {
		at += strings.Index(text[at:], from) + 1
	}
	at += strings.Index(text[at:], from)
	files[name] = []byte(text[:at] + to + text[at+1:])
	return fmt.Sprintf("%s: %q becomes %q at byte %d", name, from, to, at)
}

func changeOperator(r *rand.Rand, files map[string][]byte) string {
	name := definitionFile(r, files)
	text := string(files[name])
	from := draw(r, ">=", "<=", " | ", " & ", "=~", "!=")
	if !strings.Contains(text, from) {
		return ""
	}
	to := draw(r, ">", "<", " | ", " & ", "!=", ">=")
	files[name] = []byte(strings.Replace(text, from, to, 1))
	return fmt.Sprintf("%s: the first %q becomes %q", name, from, to)
}
