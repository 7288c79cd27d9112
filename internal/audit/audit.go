// Package audit makes the log of every write to the cloud provable.
//
// Entries form a chain: each record carries a hash over the hash of the one before it and its own
// text. A head, which is the size of the log and its last hash, therefore stands for every byte
// of it. Whoever keeps a head somewhere else, such as in Git, can later prove that nothing up to
// it was altered, dropped, reordered or cut, with no more than this package and a copy of the log.
//
// The package is pure: it computes and checks. Package store keeps the bytes.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"tenantry.dev/reconciler/changeset"
)

// A Record is one entry as it is kept: the exact text that was hashed, and the hash that links it
// to everything before it.
type Record struct {
	Hash  string          `json:"hash"`
	Entry json.RawMessage `json:"entry"`
}

// A Head stands for the whole log up to Size entries. The zero Head is that of the empty log.
type Head struct {
	Size int64  `json:"size"`
	Hash string `json:"hash,omitempty"` // "sha256:…"; empty for the empty log
}

func (h Head) String() string {
	if h.Size == 0 {
		return "0 entries"
	}
	return fmt.Sprintf("%d entries, %s", h.Size, h.Hash)
}

// Append gives the entry the next number and returns the record that extends the log, and the
// log's head with it. The entry's time is kept in UTC.
func (h Head) Append(e changeset.Entry) (Record, Head, error) {
	e.Seq = h.Size + 1
	e.Time = e.Time.UTC()
	text, err := json.Marshal(e)
	if err != nil {
		return Record{}, h, fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	r := Record{Hash: link(h.Hash, text), Entry: text}
	return r, Head{Size: e.Seq, Hash: r.Hash}, nil
}

// Decode reads the entry. Fields that a newer version wrote are left out; they are hashed all the same.
func (r Record) Decode() (changeset.Entry, error) {
	var e changeset.Entry
	if err := json.Unmarshal(r.Entry, &e); err != nil {
		return e, fmt.Errorf("entry: %w", err)
	}
	return e, nil
}

// link hashes a text onto the chain. The first line names the format, so that the hash can stand
// for nothing else; a hash has no line feed, so previous hash and text can't run into each other.
func link(previous string, text []byte) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "tenantry.dev/audit/1\n%s\n", previous) // a hash never fails to be written to
	_, _ = h.Write(text)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
