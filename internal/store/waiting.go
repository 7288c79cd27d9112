package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// This file keeps the table of the writes that wait for the cloud. It follows from the log, in the same
// transaction: the answer "waiting" makes a write one of them, from the first such answer on; any other
// answer about the address that is about something sent ends it.

// linger notes what an answer says of the cloud's being ready.
func linger(ctx context.Context, tx *sql.Tx, e changeset.Entry) error {
	switch {
	case e.Phase != changeset.After || !sent(e.Result):
		return nil
	case e.Result == changeset.Waiting:
		_, err := tx.ExecContext(ctx, `INSERT INTO waiting (address, seq, since, ticket, what) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (address) DO UPDATE SET seq = excluded.seq, ticket = excluded.ticket, what = excluded.what`,
			e.Address.String(), e.Before, e.Time.UnixNano(), e.Ticket, e.Detail)
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM waiting WHERE address = ?", e.Address.String())
	return err
}

// Waiting returns the writes that the cloud wasn't done with, or wasn't ready for, when last asked.
func (s *Store) Waiting(ctx context.Context) (map[resource.Address]reconciler.Waiting, error) {
	waiting := map[resource.Address]reconciler.Waiting{}
	if s.read == nil {
		return waiting, nil
	}
	err := each(ctx, s.read, func(row *sql.Rows) error {
		var text string
		var since int64
		var w reconciler.Waiting
		if err := row.Scan(&text, &since, &w.Ticket, &w.What); err != nil {
			return err
		}
		var err error
		w.Before, err = decode(text)
		w.Since = time.Unix(0, since).UTC()
		waiting[w.Before.Address] = w
		return err
	}, "SELECT e.entry, w.since, w.ticket, w.what FROM waiting w JOIN entries e ON e.seq = w.seq")
	if err != nil {
		return nil, fmt.Errorf("read what waits for the cloud: %w", err)
	}
	return waiting, nil
}

// forgetWaiting takes an address out of the table, if nothing is under way for it any more.
func forgetWaiting(ctx context.Context, tx *sql.Tx, address resource.Address) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM waiting WHERE address = ? AND ticket = ''", address.String())
	return err
}
