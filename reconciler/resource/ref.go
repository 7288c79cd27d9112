package resource

import (
	"slices"
	"strings"
)

// A Ref points at an output of another resource, such as a key's ARN. In a definition it is
// written "${key.arn}"; inside a Value it carries the whole address, as
// "${tenant/acme/aws.kms.key/key#arn}", so that a value means the same wherever it is read.
type Ref struct {
	Address Address
	Output  string
}

// Placeholder is the text that stands for the reference inside a Value.
func (r Ref) Placeholder() string { return "${" + r.Address.String() + "#" + r.Output + "}" }

func (r Ref) String() string { return r.Placeholder() }

func (r Ref) short() string {
	owner := r.Address.Owner.Name()
	if owner == "" {
		owner = string(r.Address.Owner)
	}
	return owner + "/" + r.Address.Name + "." + r.Output
}

// each calls visit with the place of every placeholder in the text: what Placeholder writes, and
// nothing else. IAM's own variables, "${aws:username}", have no "#".
func each(text string, visit func(from, to int, ref Ref)) {
	for at := 0; ; {
		open := strings.Index(text[at:], "${")
		if open < 0 {
			return
		}
		at += open + len("${")
		length := strings.IndexAny(text[at:], "}${\"\\")
		if length < 0 || text[at+length] != '}' {
			continue
		}
		address, output, found := strings.Cut(text[at:at+length], "#")
		if !found || !isOutput(output) {
			continue
		}
		if target, err := ParseAddress(address); err == nil {
			visit(at-len("${"), at+length+1, Ref{Address: target, Output: output})
		}
	}
}

// isOutput tells whether the text can be the name of an output: a letter, then letters, digits, _ and
// dots that lead into parts of it.
func isOutput(text string) bool {
	for i, r := range text {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '_' && r != '.' && (r < '0' || r > '9')) {
			return false
		}
	}
	return text != ""
}

// Refs returns the references that the value holds, in the order of the text.
func (v Value) Refs() []Ref {
	var refs []Ref
	each(v.raw(), func(_, _ int, ref Ref) { refs = append(refs, ref) })
	return refs
}

// Known tells whether the value holds no open reference.
func (v Value) Known() bool { return len(v.Refs()) == 0 }

// Resolve replaces the references whose output is known; the others stay open.
func (v Value) Resolve(output func(Ref) (string, bool)) Value {
	text := v.raw()
	var b strings.Builder
	done := 0
	each(text, func(from, to int, ref Ref) {
		known, ok := output(ref)
		if !ok {
			return
		}
		quoted := encode(known) // it stands inside a JSON string, so it is escaped as one
		b.WriteString(text[done:from])
		b.WriteString(quoted[1 : len(quoted)-1])
		done = to
	})
	if done == 0 {
		return v
	}
	out := v.with(b.String() + text[done:])
	if v.Veiled() {
		out.text = Value{text: v.text}.Resolve(output).text
	}
	return out
}

// Resolve resolves the references of all attributes.
func (a Attributes) Resolve(output func(Ref) (string, bool)) Attributes {
	out := make(Attributes, len(a))
	for name, value := range a {
		out[name] = value.Resolve(output)
	}
	return out
}

// Refs returns the references of all attributes, each once, sorted.
func (a Attributes) Refs() []Ref {
	var refs []Ref
	for _, value := range a {
		each(value.raw(), func(_, _ int, ref Ref) { refs = append(refs, ref) })
	}
	if len(refs) > 1 {
		sortRefs(refs)
	}
	return slices.Compact(refs)
}
