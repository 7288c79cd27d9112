package resource

import (
	"regexp"
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

// placeholder matches what Placeholder writes. IAM's own variables, "${aws:username}", don't match.
var placeholder = regexp.MustCompile(`\$\{([a-z][^${}#"\\]*/[^${}#"\\]*)#([A-Za-z][A-Za-z0-9_]*)\}`)

// Refs returns the references that the value holds, in the order of the text.
func (v Value) Refs() []Ref {
	if !strings.Contains(v.text, "${") {
		return nil
	}
	var refs []Ref
	for _, m := range placeholder.FindAllStringSubmatch(v.text, -1) {
		if address, err := ParseAddress(m[1]); err == nil {
			refs = append(refs, Ref{Address: address, Output: m[2]})
		}
	}
	return refs
}

// Known tells whether the value holds no open reference.
func (v Value) Known() bool { return len(v.Refs()) == 0 }

// Resolve replaces the references whose output is known; the others stay open.
func (v Value) Resolve(output func(Ref) (string, bool)) Value {
	if !strings.Contains(v.text, "${") {
		return v
	}
	v.text = placeholder.ReplaceAllStringFunc(v.text, func(text string) string {
		m := placeholder.FindStringSubmatch(text)
		address, err := ParseAddress(m[1])
		if err != nil {
			return text
		}
		known, ok := output(Ref{Address: address, Output: m[2]})
		if !ok {
			return text
		}
		quoted := encode(known) // it stands inside a JSON string, so it is escaped as one
		return quoted[1 : len(quoted)-1]
	})
	return v
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
	seen := map[Ref]bool{}
	var refs []Ref
	for _, value := range a {
		for _, ref := range value.Refs() {
			if !seen[ref] {
				seen[ref] = true
				refs = append(refs, ref)
			}
		}
	}
	sortRefs(refs)
	return refs
}
