package schema

import (
	"bytes"
	"fmt"

	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
)

// formatPasses is how often a file is given to the formatter until it leaves it alone.
const formatPasses = 4

// Format returns a CUE file as "cue fmt" writes it. It never returns a file that says something else or
// has other comments. If the file isn't valid CUE, the findings say where, and there is no text.
func Format(name string, text []byte) ([]byte, []Finding, error) {
	if _, found := parse(File{Path: name, Text: text}); len(found) > 0 {
		return nil, found, nil
	}
	before, err := newDocument(name, text)
	if err != nil {
		return nil, nil, fmt.Errorf("format %s: %w", name, err)
	}
	out := text
	for range formatPasses { // what the formatter writes isn't always what it leaves alone
		f, err := parser.ParseFile(name, out, parser.ParseComments)
		if err != nil {
			return nil, nil, fmt.Errorf("format %s: the formatter breaks it; left as it is: %w", name, err)
		}
		next, err := format.Node(f)
		if err != nil {
			return nil, nil, fmt.Errorf("format %s: %w", name, err)
		}
		if bytes.Equal(next, out) {
			break
		}
		out = next
	}
	after, err := newDocument(name, out)
	if err != nil {
		return nil, nil, fmt.Errorf("format %s: the formatter breaks it; left as it is: %w", name, err)
	}
	if shapeOf(before.syntax) != shapeOf(after.syntax) || len(comments(before.syntax)) != len(comments(after.syntax)) {
		return nil, nil, fmt.Errorf("format %s: the formatter would change what it says; left as it is", name)
	}
	return out, nil, nil
}
