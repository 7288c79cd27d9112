package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// This file keeps the table of what was begun on a resource and isn't settled. It follows from the log
// entry by entry, in the same transaction:
//
//	before-entry          the resource is in doubt from now on, between what it was and what the commit
//	                      wants; if it was in doubt for another commit, between all of them. A deletion
//	                      also makes it removed
//	answer: not sent      no doubt, unless there was one before
//	  applied             after a create or an update it is as the commit wants it, whatever there was;
//	                      deletions and changes of the mark alone are steps on the way
//	  anything else       the doubt stays

// begin notes what an entry of the log begins, or what it answers.
func begin(ctx context.Context, tx *sql.Tx, e changeset.Entry) error {
	if e.Address == (resource.Address{}) || !writes(e.Action) {
		return nil
	}
	address := e.Address.String()
	if e.Phase == changeset.After && e.Result != changeset.Unsure {
		if _, err := tx.ExecContext(ctx, "UPDATE begun SET open = 0, sent = 0 WHERE address = ? AND open = ?", address, e.Before); err != nil {
			return err
		}
	}
	switch {
	case e.Phase == changeset.Before:
		wanted, err := wantedWith(ctx, tx, e)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO begun (address, owner, since, reaches, removed, wanted, open, sent)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (address) DO UPDATE SET
				since = CASE since WHEN 0 THEN excluded.since ELSE since END,
				reaches = CASE WHEN since = 0 OR reaches = excluded.reaches THEN excluded.reaches ELSE '' END,
				done = done AND reaches = excluded.reaches,
				removed = removed OR excluded.removed,
				follows = follows OR done AND reaches = excluded.reaches,
				wanted = excluded.wanted,
				late = CASE WHEN open = 0 THEN late ELSE max(late, sent) END,
				open = excluded.open, sent = excluded.sent`,
			address, e.Address.Owner, e.Seq, e.Commit, e.Action == changeset.Delete, wanted, e.Seq, e.Time.UnixNano())
		return err
	case e.Phase == changeset.After && !sent(e.Result):
		if _, err := tx.ExecContext(ctx, "DELETE FROM begun WHERE address = ? AND since = ? AND NOT follows", address, e.Before); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE begun SET since = 0, reaches = '', removed = 0 WHERE address = ? AND since = ?", address, e.Before)
		return err
	case e.Phase == changeset.After && e.Result == changeset.Applied && (makes(e.Action) || e.Action == changeset.Update):
		_, err := tx.ExecContext(ctx, "UPDATE begun SET reaches = ?, done = 1, removed = 0, follows = 0 WHERE address = ?", e.Commit, address)
		return err
	}
	return nil
}

// wantedWith is what all writes since the resource was settled asked for, with the one that an entry
// begins; nil if one of them may leave anything, as those do that make something.
func wantedWith(ctx context.Context, tx *sql.Tx, e changeset.Entry) ([]byte, error) {
	if e.Action != changeset.Update || e.Want == nil {
		return nil, nil
	}
	var since int64
	var packed []byte
	err := tx.QueryRowContext(ctx, "SELECT since, wanted FROM begun WHERE address = ?", e.Address.String()).Scan(&since, &packed)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	if since > 0 && packed == nil {
		return nil, nil
	}
	list, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	return pack(append(list, *e.Want))
}

// writes tells whether an entry with this action is about a write.
func writes(a changeset.Action) bool {
	switch a {
	case changeset.Create, changeset.Update, changeset.Replace, changeset.Delete, changeset.Retire, changeset.Adopt, changeset.Move:
		return true
	}
	return false
}

// Follow notes that what the resources refer to is about to be written.
func (s *Store) Follow(ctx context.Context, addresses []resource.Address) error {
	err := s.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, a := range addresses {
			if _, err := tx.ExecContext(ctx, `INSERT INTO begun (address, owner, since, follows) VALUES (?, ?, 0, 1)
				ON CONFLICT (address) DO UPDATE SET follows = 1`, a.String(), a.Owner); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note what follows, %d resources: %w", len(addresses), err)
	}
	return nil
}

// begunOf adds what was begun to what is remembered of some owners; of every owner, if wanted is nil.
func begunOf(ctx context.Context, db querier, wanted []resource.Owner, owners map[resource.Owner]reconciler.OwnerState) error {
	return eachOf(ctx, db, wanted, func(row *sql.Rows) error {
		var text string
		var since, late int64
		var wanted []byte
		var b reconciler.Begun
		if err := row.Scan(&text, &since, &b.Commit, &b.Done, &b.Removed, &b.Follows, &wanted, &late); err != nil {
			return err
		}
		var err error
		if b.Wanted, err = unpack(wanted); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		if late > 0 {
			b.Late = time.Unix(0, late).UTC()
		}
		address, err := resource.ParseAddress(text)
		if err != nil {
			return err
		}
		b.Written = since > 0
		state := owners[address.Owner]
		if state.Begun == nil {
			state.Begun = map[resource.Address]reconciler.Begun{}
		}
		state.Begun[address] = b
		owners[address.Owner] = state
		return nil
	}, "SELECT address, since, reaches, done, removed, follows, wanted, max(late, sent) FROM begun")
}
