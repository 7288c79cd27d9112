package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// This file reads from the log what a decision needs to know of earlier writes. The rules:
//
//	before-entry of…   answered by…                   it means
//	create, replace    nothing, or unsure             sent, and may have been made or may yet be: unanswered, created
//	create, replace    waiting, with a ticket         the cloud is making it: unanswered, created
//	create, replace    waiting, without one           the cloud wasn't ready, so that nothing was made: created
//	create, replace    applied, unchanged, failed     created: a failed one may have been made in part
//	any                skipped, held, blocked         nothing was sent; it doesn't count
//	delete             applied, unchanged             it is gone: no longer created
//	delete, replace    nothing, unsure, applied       one destruction spent
//	delete, replace    failed, waiting                one destruction spent; trying again spends no second one
//	delete             unchanged                      it was gone already: nothing spent
//	retire             as delete                      one retirement spent, or none, in the same cases
//	any, approved      applied, unchanged             the approval is used up for this address
//	move               nothing, unsure, failed        created at the address of now, which it may have
//	move               applied                        created there, and no longer at the one before
//	abandon            a note                         no longer created: it is out of reach for good
//
// A retirement leaves what it retires created. An adoption creates nothing. When a write has
// several answers, the last one counts: a later run may find out what became of an unsure one.

// follow keeps the tables that follow from the log in step with it.
func follow(ctx context.Context, tx *sql.Tx, e changeset.Entry) error {
	for _, note := range []func(context.Context, *sql.Tx, changeset.Entry) error{begin, doubt, linger} {
		if err := note(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

// doubt notes the creates whose fate is open.
func doubt(ctx context.Context, tx *sql.Tx, e changeset.Entry) error {
	switch {
	case e.Phase == changeset.Before && makes(e.Action):
		_, err := tx.ExecContext(ctx, "INSERT INTO unanswered (seq, address, sent, nonce) VALUES (?, ?, ?, ?)",
			e.Seq, e.Address.String(), e.Time.UnixNano(), e.Nonce)
		return err
	case e.Phase == changeset.After && (e.Result == changeset.Applied || e.Result == changeset.Unchanged):
		// Whatever was done to it, it was there to be done to, or was seen to be gone: no earlier
		// create of the address is in doubt any more.
		_, err := tx.ExecContext(ctx, "DELETE FROM unanswered WHERE seq = ? OR address IN (?, ?)", e.Before, e.Address.String(), e.From.String())
		return err
	case e.Phase == changeset.After && e.Result == changeset.Unsure:
		// From now on it is waited for what may have been made.
		_, err := tx.ExecContext(ctx, "UPDATE unanswered SET sent = ? WHERE seq = ?", e.Time.UnixNano(), e.Before)
		return err
	case e.Phase == changeset.After && e.Ticket == "":
		_, err := tx.ExecContext(ctx, "DELETE FROM unanswered WHERE seq = ?", e.Before)
		return err
	}
	return nil
}

func makes(a changeset.Action) bool { return a == changeset.Create || a == changeset.Replace }

// sent tells whether a before-entry that was answered so was followed by a request.
func sent(answer changeset.Result) bool {
	return answer != changeset.Skipped && answer != changeset.Held && answer != changeset.Blocked
}

// Unanswered returns the creates that were sent and have no answer, or the answer that nobody
// knows. Of several for an address it returns the last.
func (s *Store) Unanswered(ctx context.Context) (map[resource.Address]reconciler.Intent, error) {
	open := map[resource.Address]reconciler.Intent{}
	if s.read == nil {
		return open, nil
	}
	err := each(ctx, s.read, func(row *sql.Rows) error {
		var text string
		var at int64
		var intent reconciler.Intent
		if err := row.Scan(&intent.Seq, &text, &at, &intent.Nonce); err != nil {
			return err
		}
		address, err := resource.ParseAddress(text)
		intent.Sent = time.Unix(0, at).UTC()
		open[address] = intent
		return err
	}, "SELECT seq, address, sent, nonce FROM unanswered ORDER BY seq")
	if err != nil {
		return nil, fmt.Errorf("read the unanswered creates: %w", err)
	}
	return open, nil
}

// Nonces returns, of those addresses that the log has creates or adoptions of, the marks that these
// leave: the nonce of each, and "" for one that leaves none.
func (s *Store) Nonces(ctx context.Context, addresses []resource.Address) (map[resource.Address][]string, error) {
	nonces := map[resource.Address][]string{}
	if s.read == nil {
		return nonces, nil
	}
	for batch := range slices.Chunk(addresses, batch) {
		err := each(ctx, s.read, func(row *sql.Rows) error {
			var text, nonce string
			if err := row.Scan(&text, &nonce); err != nil {
				return err
			}
			address, err := resource.ParseAddress(text)
			nonces[address] = append(nonces[address], nonce)
			return err
		}, `SELECT DISTINCT address, coalesce(entry ->> '$.nonce', '') FROM entries
			WHERE address IN (?`+strings.Repeat(", ?", len(batch)-1)+`)
			AND phase = 'before' AND action IN ('create', 'replace', 'adopt', 'move') ORDER BY seq`, texts(batch)...)
		if err != nil {
			return nil, fmt.Errorf("read the marks of creates: %w", err)
		}
	}
	return nonces, nil
}

// batch is how many addresses one query asks about.
const batch = 500

func texts(addresses []resource.Address) []any {
	list := make([]any, len(addresses))
	for i, a := range addresses {
		list[i] = a.String()
	}
	return list
}

// Made returns the creates that were answered with success since a time, with the time of the last
// such answer.
func (s *Store) Made(ctx context.Context, since time.Time) (map[resource.Address]time.Time, error) {
	made := map[resource.Address]time.Time{}
	if s.read == nil {
		return made, nil
	}
	err := each(ctx, s.read, func(row *sql.Rows) error {
		e, err := scanEntry(row)
		if err == nil && !e.Time.Before(since) {
			made[e.Address] = e.Time
		}
		return err
	}, `SELECT entry FROM entries WHERE second >= ? AND phase = 'after'
		AND action IN ('create', 'replace') AND entry ->> '$.result' = 'applied' ORDER BY seq`, since.Unix())
	if err != nil {
		return nil, fmt.Errorf("read what was just created: %w", err)
	}
	return made, nil
}

// Created tells which of the addresses the log says that we created and did not delete.
func (s *Store) Created(ctx context.Context, addresses []resource.Address) (map[resource.Address]bool, error) {
	created := make(map[resource.Address]bool, len(addresses))
	if s.read == nil {
		return created, nil
	}
	for batch := range slices.Chunk(addresses, batch) {
		if err := s.createdOf(ctx, batch, created); err != nil {
			return nil, fmt.Errorf("read what was created: %w", err)
		}
	}
	return created, nil
}

func (s *Store) createdOf(ctx context.Context, addresses []resource.Address, created map[resource.Address]bool) error {
	more := strings.Repeat(", ?", len(addresses)-1)
	before := map[resource.Address]bool{} // what held before the last create, in case it was never sent
	return each(ctx, s.read, func(row *sql.Rows) error {
		e, err := scanEntry(row)
		if err != nil {
			return err
		}
		switch a := e.Address; {
		case e.Phase == changeset.Before && (makes(e.Action) || e.Action == changeset.Move):
			before[a] = created[a]
			created[a] = true
		case e.Phase == changeset.After && (makes(e.Action) || e.Action == changeset.Move) && !sent(e.Result):
			created[a] = before[a]
		case e.Phase == changeset.After && e.Action == changeset.Move && e.Result == changeset.Applied:
			created[a], created[e.From] = true, false
		case e.Phase == changeset.Note && e.Action == changeset.Abandon:
			created[a] = false
		case e.Phase == changeset.After && e.Action == changeset.Delete &&
			(e.Result == changeset.Applied || e.Result == changeset.Unchanged):
			created[a] = false
		}
		return nil
	}, `SELECT entry FROM (SELECT seq, entry FROM entries WHERE address IN (?`+more+`)
			AND action IN ('create', 'replace', 'delete', 'move', 'abandon')
		UNION SELECT seq, entry FROM entries WHERE entry ->> '$.from' IN (?`+more+`)) ORDER BY seq`,
		slices.Concat(texts(addresses), texts(addresses))...)
}

// Proven tells which of the addresses the log says that we created, adopted or moved there, by the
// cloud's own answer, and did not delete since.
func (s *Store) Proven(ctx context.Context, addresses []resource.Address) (map[resource.Address]bool, error) {
	proven := map[resource.Address]bool{}
	if s.read == nil {
		return proven, nil
	}
	for batch := range slices.Chunk(addresses, batch) {
		more := strings.Repeat(", ?", len(batch)-1)
		err := each(ctx, s.read, func(row *sql.Rows) error {
			e, err := scanEntry(row)
			if err == nil {
				prove(proven, e)
			}
			return err
		}, `SELECT entry FROM (SELECT seq, entry FROM entries WHERE address IN (?`+more+`)
				AND action IN ('create', 'replace', 'adopt', 'delete', 'move', 'abandon')
			UNION SELECT seq, entry FROM entries WHERE entry ->> '$.from' IN (?`+more+`)) ORDER BY seq`,
			slices.Concat(texts(batch), texts(batch))...)
		if err != nil {
			return nil, fmt.Errorf("read what was made: %w", err)
		}
	}
	return proven, nil
}

// prove goes on with what is proven by one more entry.
func prove(proven map[resource.Address]bool, e changeset.Entry) {
	done := e.Phase == changeset.After && (e.Result == changeset.Applied || e.Result == changeset.Unchanged)
	switch {
	case e.Phase == changeset.Note && e.Action == changeset.Abandon, done && e.Action == changeset.Delete:
		delete(proven, e.Address)
	case done && e.Action == changeset.Move:
		delete(proven, e.From)
		proven[e.Address] = true
	case done && (makes(e.Action) || e.Action == changeset.Adopt):
		proven[e.Address] = true
	}
}

// Spent returns the destructive changes and the retirements that were sent since a time, in the
// order of sending.
func (s *Store) Spent(ctx context.Context, since time.Time) ([]changeset.Spent, error) {
	if s.read == nil {
		return nil, nil
	}
	entries, err := s.destructions(ctx, since)
	if err != nil {
		return nil, fmt.Errorf("read the destructive changes: %w", err)
	}
	var spent []changeset.Spent
	again := map[resource.Address]int{} // the place in spent of its last attempt, which the next continues if that failed
	for _, d := range entries {
		if !sent(d.answer) || d.answer == changeset.Unchanged {
			continue
		}
		at, begun := again[d.Address]
		if !begun || !spent[at].Again {
			at = len(spent)
			spent = append(spent, changeset.Spent{Address: d.Address, Cell: d.Cell, At: d.Time, Retired: d.Action == changeset.Retire})
		}
		again[d.Address] = at
		spent[at].Again = d.answer == changeset.Failed || d.answer == changeset.Waiting
	}
	return spent, nil
}

// A destruction is a before-entry of a destructive change or a retirement and its last answer, empty
// if none.
type destruction struct {
	changeset.Entry
	answer changeset.Result
}

func (s *Store) destructions(ctx context.Context, since time.Time) ([]destruction, error) {
	var list []destruction
	err := each(ctx, s.read, func(row *sql.Rows) error {
		var text string
		var d destruction
		if err := row.Scan(&text, &d.answer); err != nil {
			return err
		}
		e, err := decode(text)
		if d.Entry = e; err == nil && !e.Time.Before(since) {
			list = append(list, d)
		}
		return err
	}, `SELECT b.entry, coalesce((SELECT a.entry ->> '$.result' FROM entries a
			WHERE a.answered = b.seq ORDER BY a.seq DESC LIMIT 1), '')
		FROM entries b WHERE b.second >= ? AND b.phase = 'before' AND b.action IN ('delete', 'replace', 'retire')
		ORDER BY b.seq`, since.Unix())
	return list, err
}

// Used returns, by the digests of approvals, the addresses that were destroyed or retired under them
// and are done with. What was sent and never answered is not: the next run finishes it under the
// same approval. It is done with nonetheless if something was made or changed at the address since,
// because then it is wanted again, and its next end is another one.
func (s *Store) Used(ctx context.Context) (map[string]map[resource.Address]bool, error) {
	used := map[string]map[resource.Address]bool{}
	if s.read == nil {
		return used, nil
	}
	err := each(ctx, s.read, func(row *sql.Rows) error {
		e, err := scanEntry(row)
		if err != nil {
			return err
		}
		digest := e.Approved.Digest
		if used[digest] == nil {
			used[digest] = map[resource.Address]bool{}
		}
		used[digest][e.Address] = true
		return nil
	}, `SELECT b.entry FROM entries b WHERE b.entry ->> '$.approved.digest' IS NOT NULL AND b.phase = 'before'
		AND (EXISTS (SELECT 1 FROM entries a WHERE a.answered = b.seq AND a.entry ->> '$.result' IN ('applied', 'unchanged'))
			OR EXISTS (SELECT 1 FROM entries c WHERE c.address = b.address AND c.seq > b.seq
				AND c.phase = 'before' AND c.action IN ('create', 'adopt', 'update')))`)
	if err != nil {
		return nil, fmt.Errorf("read what approvals were used for: %w", err)
	}
	return used, nil
}
