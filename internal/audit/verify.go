package audit

import (
	"encoding/json"
	"fmt"
	"iter"
)

// Tampered is the proof that a log isn't what was written.
type Tampered struct {
	Seq    int64 // the first entry that isn't as it was written; after a cut, the first that is missing
	Reason string
}

func (t *Tampered) Error() string {
	return fmt.Sprintf("the audit log was tampered with: entry %d: %s", t.Seq, t.Reason)
}

// Verify reads a log from its beginning and proves that it is whole and unaltered. It returns the
// head that it arrives at.
//
// known are heads that were kept elsewhere, in any order: the one in the log's own store, and
// better those that are in Git. Without a known head, a log that was cut at its end, or rewritten
// from some entry on with all hashes made anew, can't be told from a sound one.
//
// The error is a *Tampered that names the first bad entry, or whatever the log gave as its error.
func Verify(log iter.Seq2[Record, error], known ...Head) (Head, error) {
	anchors := make(map[int64]string, len(known))
	for _, k := range known {
		if hash, twice := anchors[k.Size]; twice && hash != k.Hash {
			return Head{}, fmt.Errorf("two different heads are given for %d entries: %s and %s", k.Size, hash, k.Hash)
		}
		anchors[k.Size] = k.Hash
	}
	var head Head
	for record, err := range log {
		if err != nil {
			return head, fmt.Errorf("audit log after entry %d: %w", head.Size, err)
		}
		if reason := check(head, record, anchors); reason != "" {
			return head, &Tampered{Seq: head.Size + 1, Reason: reason}
		}
		head = Head{Size: head.Size + 1, Hash: record.Hash}
	}
	for _, k := range known {
		if k.Size > head.Size {
			return head, &Tampered{Seq: head.Size + 1, Reason: fmt.Sprintf(
				"it is missing: the log ends after %d of %d entries", head.Size, k.Size)}
		}
	}
	return head, nil
}

// check says what is wrong with the record that follows head, or nothing.
func check(head Head, r Record, anchors map[int64]string) string {
	var numbered struct {
		Seq int64 `json:"seq"`
	}
	want := head.Size + 1
	if err := json.Unmarshal(r.Entry, &numbered); err != nil {
		return "its text can't be read: " + err.Error()
	}
	if numbered.Seq != want {
		return fmt.Sprintf("number %d is in its place", numbered.Seq)
	}
	if link(head.Hash, r.Entry) != r.Hash {
		return "its hash doesn't fit its text and the entries before it"
	}
	if hash, ok := anchors[want]; ok && hash != r.Hash {
		return fmt.Sprintf("the log up to here has the head %s, and %s was kept", r.Hash, hash)
	}
	return ""
}
