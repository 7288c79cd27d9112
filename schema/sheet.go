package schema

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"cuelang.org/go/cue/ast"

	"tenantry.dev/reconciler/resource"
)

// A sheet collects findings about one file. Paths are those of the file, below root.
type sheet struct {
	src   *source
	root  []string
	found []Finding
}

// at is where a path is written: its key, or the element of a list.
func (n *sheet) at(path ...string) resource.Origin {
	return n.src.at(locate(n.src.syntax, slices.Concat(n.root, path)).label)
}

// value is where the value of a path is written, or as much of the path as there is.
func (n *sheet) value(path ...string) resource.Origin {
	whole := slices.Concat(n.root, path)
	at := locate(n.src.syntax, whole)
	if at.depth == len(whole) && at.value != nil {
		if u, ok := at.value.(*ast.UnaryExpr); ok {
			return n.src.at(u.X)
		}
		return n.src.at(at.value)
	}
	return n.src.at(at.label)
}

// say adds an error at the value of a path.
func (n *sheet) say(path []string, format string, args ...any) {
	n.sayAt(n.value(path...), Error, format, args...)
}

func (n *sheet) sayAt(at resource.Origin, severity Severity, format string, args ...any) {
	n.found = append(n.found, Finding{Origin: at, Severity: severity, Message: fmt.Sprintf(format, args...)})
}

// time reads a moment, whose form is checked already; "" is the zero time.
func (n *sheet) time(text string, path ...string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		n.say(path, "%s: %q is not a moment that exists", dotted(path), text)
	}
	return t, err == nil
}

// duration reads a length of time, whose form is checked already; "" is zero.
func (n *sheet) duration(text string, path ...string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil && text != "" {
		n.say(path, "%s: %q is not a duration such as \"24h\" or \"90m\"", dotted(path), text)
	}
	return d
}

// names checks that the elements of a list are known, each once.
func (n *sheet) names(list []string, noun string, known func(string) bool, all []string, path ...string) {
	for i, name := range list {
		switch at := append(slices.Clip(path), strconv.Itoa(i)); {
		case slices.Contains(list[:i], name):
			n.say(at, "%s: %q is in the list twice", dotted(path), name)
		case !known(name):
			n.say(at, "%s: there is no %s %q%s", dotted(path), noun, name, maybe(name, all))
		}
	}
}

// dotted is a path for people: without the numbers of list elements.
func dotted(path []string) string {
	out := ""
	for _, name := range path {
		if _, err := strconv.Atoi(name); err == nil {
			continue
		}
		if out != "" {
			out += "."
		}
		out += name
	}
	return out
}
