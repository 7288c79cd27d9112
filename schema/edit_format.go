package schema

import (
	"fmt"

	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
)

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
	f, err := parser.ParseFile(name, text, parser.ParseComments)
	if err != nil {
		return nil, nil, fmt.Errorf("format %s: %w", name, err)
	}
	out, err := format.Node(f)
	if err != nil {
		return nil, nil, fmt.Errorf("format %s: %w", name, err)
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
