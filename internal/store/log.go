package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"tenantry.dev/internal/audit"
	"tenantry.dev/reconciler/changeset"
)

// Record appends an entry to the audit log and returns its number. It sets the entry's number and
// time. The entry is on the disk when Record returns without an error; otherwise it is not in the
// log. An after-entry is written even if ctx has ended, because its write was made.
func (s *Store) Record(ctx context.Context, e changeset.Entry) (int64, error) {
	if e.Phase == changeset.After {
		ctx = context.WithoutCancel(ctx)
	}
	var seq int64
	err := s.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		head, err := headOf(ctx, tx)
		if err != nil {
			return err
		}
		e.Time = time.Now().UTC()
		record, head, err := head.Append(e)
		if err != nil {
			return err
		}
		e.Seq, seq = head.Size, head.Size
		if _, err := tx.ExecContext(ctx, "INSERT INTO entries (seq, hash, entry) VALUES (?, ?, ?)",
			head.Size, record.Hash, string(record.Entry)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE head SET size = ?, hash = ?", head.Size, head.Hash); err != nil {
			return err
		}
		return follow(ctx, tx, e)
	})
	if err != nil {
		return 0, fmt.Errorf("record in the audit log: %w", err)
	}
	return seq, nil
}

// Head returns the head of the audit log as the store has it; keeping it elsewhere is what makes
// a cut log show.
func (s *Store) Head(ctx context.Context) (audit.Head, error) {
	if s.read == nil {
		return audit.Head{}, nil
	}
	head, err := headOf(ctx, s.read)
	if err != nil {
		return audit.Head{}, fmt.Errorf("head of the audit log: %w", explained(err))
	}
	return head, nil
}

func headOf(ctx context.Context, db querier) (audit.Head, error) {
	var head audit.Head
	err := db.QueryRowContext(ctx, "SELECT size, hash FROM head").Scan(&head.Size, &head.Hash)
	if errors.Is(err, sql.ErrNoRows) {
		return head, &audit.Tampered{Seq: 1, Reason: "the log's head is missing"}
	}
	return head, err
}

// Verify proves the whole log against the store's own head and against heads that were kept
// elsewhere, and returns the log's head. The error is an *audit.Tampered if it isn't as written.
func (s *Store) Verify(ctx context.Context, known ...audit.Head) (head audit.Head, err error) {
	err = s.snapshot(ctx, func(stored audit.Head, log iter.Seq2[audit.Record, error]) error {
		if head, err = audit.Verify(log, append(known, stored)...); err != nil {
			return err
		}
		if head != stored {
			return &audit.Tampered{Seq: stored.Size + 1, Reason: "it was added behind the log's head"}
		}
		return nil
	})
	return head, err
}

// Export writes the whole log as audit.Export does. It doesn't verify.
func (s *Store) Export(ctx context.Context, w io.Writer) error {
	return s.snapshot(ctx, func(head audit.Head, log iter.Seq2[audit.Record, error]) error {
		return audit.Export(w, head, log)
	})
}

// snapshot calls f with the head and the log of one moment.
func (s *Store) snapshot(ctx context.Context, f func(audit.Head, iter.Seq2[audit.Record, error]) error) error {
	if s.read == nil {
		return f(audit.Head{}, func(func(audit.Record, error) bool) {})
	}
	tx, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return explained(err)
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	head, err := headOf(ctx, tx)
	if err != nil {
		return explained(err)
	}
	return f(head, func(yield func(audit.Record, error) bool) {
		err := each(ctx, tx, func(row *sql.Rows) error {
			var hash, text string
			if err := row.Scan(&hash, &text); err != nil {
				return err
			}
			if !yield(audit.Record{Hash: hash, Entry: []byte(text)}, nil) {
				return errEnough
			}
			return nil
		}, "SELECT hash, entry FROM entries ORDER BY seq")
		if err != nil && !errors.Is(err, errEnough) {
			yield(audit.Record{}, err)
		}
	})
}

// errEnough ends a query whose reader wants no more.
var errEnough = errors.New("enough was read")

// checkHead proves the end of the log, so that nothing is ever appended to a log that was cut.
func (s *Store) checkHead(ctx context.Context) error {
	head, err := headOf(ctx, s.write)
	if err != nil {
		return err
	}
	var last audit.Head
	err = s.write.QueryRowContext(ctx, "SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").Scan(&last.Size, &last.Hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if last != head {
		return &audit.Tampered{Seq: min(last.Size, head.Size) + 1, Reason: fmt.Sprintf(
			"the log ends with %s, and its head says %s", last, head)}
	}
	return nil
}

// Entries returns the audit entries from a time on, in the order of the log.
func (s *Store) Entries(ctx context.Context, since time.Time) ([]changeset.Entry, error) {
	var entries []changeset.Entry
	if s.read == nil {
		return nil, nil
	}
	err := each(ctx, s.read, func(row *sql.Rows) error {
		e, err := scanEntry(row)
		if err == nil && !e.Time.Before(since) {
			entries = append(entries, e)
		}
		return err
	}, "SELECT entry FROM entries WHERE second >= ? ORDER BY seq", since.Unix())
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return entries, nil
}

func scanEntry(row *sql.Rows) (changeset.Entry, error) {
	var text string
	if err := row.Scan(&text); err != nil {
		return changeset.Entry{}, err
	}
	return decode(text)
}

func decode(text string) (changeset.Entry, error) { return audit.Record{Entry: []byte(text)}.Decode() }
