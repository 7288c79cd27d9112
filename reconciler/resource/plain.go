package resource

import (
	"bytes"
	"slices"
	"strings"
)

// isPlain tells whether a JSON text is canonical as it stands, which most values are: a word, a short whole
// number, an empty list or object, a string of printable ASCII without escapes. Others may be canonical, too.
func isPlain(text []byte) bool {
	switch string(text) {
	case "true", "false", "null", "[]", "{}":
		return true
	case "", "-", "-0":
		return false
	}
	if text[0] == '"' {
		return len(text) > 1 && text[len(text)-1] == '"' && isPlainString(text[1:len(text)-1])
	}
	return isPlainNumber(text)
}

func isPlainString(text []byte) bool {
	for _, b := range text {
		if b < ' ' || b > '~' || b == '"' || b == '\\' {
			return false
		}
	}
	return true
}

// isPlainNumber: whole numbers of so few digits have no shorter form.
func isPlainNumber(text []byte) bool {
	if text[0] == '-' {
		text = text[1:]
	}
	if len(text) > 15 || text[0] == '0' && len(text) > 1 {
		return false
	}
	for _, b := range text {
		if b < '0' || b > '9' {
			return false
		}
	}
	return true
}

// A tidier makes JSON canonical as long as everything in it is plain but for the order of keys and white
// space. What it can't read, it leaves to those who read everything.
type tidier struct {
	in  []byte
	out []byte
}

// maxTidyDepth bounds the nesting that is followed.
const maxTidyDepth = 64

// tidy returns the canonical form of a text, and false if somebody else must make it.
func tidy(text []byte) (string, bool) {
	t := tidier{in: text, out: make([]byte, 0, len(text))}
	if !t.value(0) {
		return "", false
	}
	t.space()
	return string(t.out), len(t.in) == 0
}

func (t *tidier) space() {
	for len(t.in) > 0 && (t.in[0] == ' ' || t.in[0] == '\n' || t.in[0] == '\t' || t.in[0] == '\r') {
		t.in = t.in[1:]
	}
}

// next drops a byte if it comes next.
func (t *tidier) next(b byte) bool {
	t.space()
	if len(t.in) == 0 || t.in[0] != b {
		return false
	}
	t.in = t.in[1:]
	return true
}

func (t *tidier) value(depth int) bool {
	switch {
	case depth > maxTidyDepth:
		return false
	case t.next('['):
		return t.list(depth)
	case t.next('{'):
		return t.object(depth)
	}
	text := t.atom()
	t.out = append(t.out, text...)
	return text != nil
}

// atom takes a plain string, number or word.
func (t *tidier) atom() []byte {
	t.space()
	end := 0
	if len(t.in) > 0 && t.in[0] == '"' {
		end = bytes.IndexByte(t.in[1:], '"') + 2
	} else {
		for end < len(t.in) && strings.IndexByte(",]}: \n\t\r", t.in[end]) < 0 {
			end++
		}
	}
	text := t.in[:end]
	if !isPlain(text) || text[0] == '[' || text[0] == '{' {
		return nil
	}
	t.in = t.in[end:]
	return text
}

func (t *tidier) list(depth int) bool {
	t.out = append(t.out, '[')
	for first := true; !t.next(']'); first = false {
		if !first {
			if !t.next(',') {
				return false
			}
			t.out = append(t.out, ',')
		}
		if !t.value(depth + 1) {
			return false
		}
	}
	t.out = append(t.out, ']')
	return true
}

// object writes the members in the order of their keys, which are plain, so that bytes are compared. A key
// that comes twice isn't for a tidier to decide about.
func (t *tidier) object(depth int) bool {
	type member struct{ key, text []byte }
	var members []member
	start := len(t.out)
	for first := true; !t.next('}'); first = false {
		if !first && !t.next(',') {
			return false
		}
		key := t.atom()
		if key == nil || key[0] != '"' || !t.next(':') {
			return false
		}
		at := len(t.out)
		if !t.value(depth + 1) {
			return false
		}
		members = append(members, member{key, bytes.Clone(t.out[at:])})
	}
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare(a.key[1:len(a.key)-1], b.key[1:len(b.key)-1]) })
	t.out = append(t.out[:start], '{')
	for i, m := range members {
		if i > 0 {
			if bytes.Equal(m.key, members[i-1].key) {
				return false
			}
			t.out = append(t.out, ',')
		}
		t.out = append(append(append(t.out, m.key...), ':'), m.text...)
	}
	t.out = append(t.out, '}')
	return true
}
