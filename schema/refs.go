package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// written references: "${key.arn}", "${cell.alerts.arn}". "$${" is a plain "${". What has a colon,
// such as "${aws:username}", is IAM's own.
var reference = regexp.MustCompile(`\$?\$\{([^{}]*)\}?`)

// A refError is a reference that leads nowhere, with the path of the text that holds it.
type refError struct {
	path    []string
	message string
}

// A referrer turns the references that definitions write into those that values hold.
type referrer struct {
	owner resource.Owner
	cell  string
	kinds map[string]kindDef
	// own and shared have the kind of each resource of the owner, and of its cell.
	own, shared map[string]string
	anyCell     bool // the cell isn't known yet

	edges  map[string][]edge // from resource to resource, of the owner
	errors []refError
}

type edge struct {
	to   string
	path []string
}

// resolve replaces the references in all texts below v, which is the value of a path.
func (r *referrer) resolve(v any, path []string) any {
	switch v := v.(type) {
	case string:
		if !strings.Contains(v, "${") {
			return v
		}
		return reference.ReplaceAllStringFunc(v, func(text string) string { return r.replace(text, path) })
	case []any:
		for i, element := range v {
			v[i] = r.resolve(element, append(slices.Clip(path), fmt.Sprint(i)))
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			v[key] = r.resolve(v[key], append(slices.Clip(path), key))
		}
	}
	return v
}

// replace turns one reference into its placeholder.
func (r *referrer) replace(text string, path []string) string {
	if strings.HasPrefix(text, "$$") {
		return text[1:]
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(text, "${"), "}")
	if strings.Contains(inner, ":") && strings.HasSuffix(text, "}") {
		return text
	}
	fail := func(format string, args ...any) string {
		r.errors = append(r.errors, refError{path, text + ": " + fmt.Sprintf(format, args...)})
		return text
	}
	parts := strings.Split(inner, ".")
	owner, known, whose := r.owner, r.own, "the plan"
	switch {
	case !strings.HasSuffix(text, "}"):
		return fail("the } is missing; to write a plain ${, write $${")
	case len(parts) >= 3 && parts[0] == "cell":
		owner, known, whose = resource.Cell(r.cell), r.shared, "the cell "+r.cell
		parts = parts[1:]
	case len(parts) < 2:
		return fail("a reference is ${resource.output} or ${cell.resource.output}; to write a plain ${, write $${")
	case r.owner.Class() == "cell":
		whose = "the cell"
	}
	name, output := parts[0], strings.Join(parts[1:], ".")
	if r.anyCell && owner.Class() == "cell" {
		return text
	}
	kind, ok := known[name]
	if !ok {
		return fail("%s has no resource %q%s", whose, name, maybe(name, sortedKeys(known)))
	}
	if outputs := r.kinds[kind].outputs; kind != "" && !slices.Contains(outputs, output) {
		return fail("%s has no output %q%s", kind, output, maybe(output, outputs))
	}
	if owner == r.owner {
		if r.edges == nil {
			r.edges = map[string][]edge{}
		}
		r.edges[path[0]] = append(r.edges[path[0]], edge{to: name, path: path})
	}
	return resource.Ref{Address: resource.Address{Owner: owner, Kind: kind, Name: name}, Output: output}.Placeholder()
}

// cycle adds an error if resources refer to each other in a circle, at the reference that closes it.
func (r *referrer) cycle() {
	const visiting, done = 1, 2
	state := map[string]int{}
	var trail []string
	var visit func(name string) bool
	visit = func(name string) bool {
		state[name] = visiting
		trail = append(trail, name)
		for _, e := range r.edges[name] {
			if state[e.to] == visiting {
				circle := append(slices.Clone(trail[slices.Index(trail, e.to):]), e.to)
				r.errors = append(r.errors, refError{e.path, "resources refer to each other in a circle: " + strings.Join(circle, " → ")})
				return true
			}
			if state[e.to] == 0 && visit(e.to) {
				return true
			}
		}
		state[name] = done
		trail = trail[:len(trail)-1]
		return false
	}
	for _, name := range sortedKeys(r.edges) {
		if state[name] == 0 && visit(name) {
			return
		}
	}
}
