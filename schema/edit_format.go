package schema

import (
	"bytes"
	"errors"
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
	if err := before.says(out); err != nil {
		return nil, nil, fmt.Errorf("format %s: %w; left as it is", name, err)
	}
	return out, nil, nil
}

// says tells whether a formatted text says what the document does, with as many comments.
func (d *document) says(text []byte) error {
	after, err := newDocument(d.name, text)
	if err != nil {
		return fmt.Errorf("the formatter breaks it: %w", err)
	}
	if shapeOf(d.syntax) != shapeOf(after.syntax) || len(comments(d.syntax)) != len(comments(after.syntax)) {
		return errors.New("the formatter would change what it says")
	}
	return nil
}
