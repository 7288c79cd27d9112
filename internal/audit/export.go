package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// preamble is the first line of an export.
type preamble struct {
	Version string `json:"format_version"`
	Head    *Head  `json:"head"`
}

const formatVersion = "1"

// Export writes a log as JSON lines: first the head, then a line for each record. Import reads it
// back. head is the one that the log has; Export doesn't verify.
func Export(w io.Writer, head Head, log iter.Seq2[Record, error]) error {
	buffered := bufio.NewWriter(w)
	first, err := json.Marshal(preamble{Version: formatVersion, Head: &head})
	if err != nil {
		return fmt.Errorf("export the audit log: %w", err)
	}
	_, _ = fmt.Fprintf(buffered, "%s\n", first) // a buffered writer keeps its first error for Flush
	for r, err := range log {
		if err != nil {
			return fmt.Errorf("export the audit log: %w", err)
		}
		// Not by json.Marshal, which would escape the entry's text anew and change what was hashed.
		_, _ = fmt.Fprintf(buffered, `{"hash":%q,"entry":%s}`+"\n", r.Hash, r.Entry)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("export the audit log: %w", err)
	}
	return nil
}

// Import reads what Export wrote: the head that it claims, and the log, which can be ranged over once.
func Import(r io.Reader) (Head, iter.Seq2[Record, error], error) {
	lines := bufio.NewReader(r)
	line, err := lines.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return Head{}, nil, fmt.Errorf("audit log: %w", err)
	}
	var p preamble
	if err := strictly(line, &p); err != nil {
		return Head{}, nil, fmt.Errorf("audit log: line 1 is not the head of an export: %w", err)
	}
	if p.Version != formatVersion {
		return Head{}, nil, fmt.Errorf("audit log: format version %q; this program reads %q", p.Version, formatVersion)
	}
	if p.Head == nil || (p.Head.Size == 0) != (p.Head.Hash == "") {
		return Head{}, nil, errors.New("audit log: line 1 has no head")
	}
	return *p.Head, records(lines), nil
}

// strictly reads one JSON value and nothing else, so that no field of it can be renamed away.
func strictly(line []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}

func records(lines *bufio.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for number := 2; ; number++ {
			line, err := lines.ReadBytes('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				yield(Record{}, fmt.Errorf("line %d: %w", number, err))
				return
			}
			if len(bytes.TrimSpace(line)) == 0 && err != nil {
				return
			}
			var r Record
			if jsonErr := strictly(line, &r); jsonErr != nil {
				yield(Record{}, fmt.Errorf("line %d is not a record: %w", number, jsonErr))
				return
			}
			if !yield(r, nil) {
				return
			}
			if err != nil {
				return
			}
		}
	}
}
