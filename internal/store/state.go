package store

import (
	"bytes"
	"compress/zlib"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
)

// Owners returns what is remembered of every owner.
func (s *Store) Owners(ctx context.Context) (map[resource.Owner]reconciler.OwnerState, error) {
	read := func() (map[resource.Owner]reconciler.OwnerState, error) { return s.states(ctx, nil) }
	if s.write == nil {
		return read()
	}
	return s.reach.fill(read)
}

// Some returns what is remembered of some owners. It reads nothing of others.
func (s *Store) Some(ctx context.Context, owners []resource.Owner) (map[resource.Owner]reconciler.OwnerState, error) {
	if len(owners) == 0 {
		return map[resource.Owner]reconciler.OwnerState{}, nil
	}
	return s.states(ctx, owners)
}

// states returns what is remembered of some owners; of every owner, if they are nil.
func (s *Store) states(ctx context.Context, wanted []resource.Owner) (map[resource.Owner]reconciler.OwnerState, error) {
	owners := map[resource.Owner]reconciler.OwnerState{}
	if s.read == nil {
		return owners, nil
	}
	tx, err := s.read.BeginTx(ctx, nil) // both tables as of one moment
	if err != nil {
		return nil, explained(err)
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	err = appliedOf(ctx, tx, wanted, func(owner resource.Owner, state reconciler.OwnerState) { owners[owner] = state })
	if err == nil {
		err = begunOf(ctx, tx, wanted, owners)
	}
	if err != nil {
		return nil, fmt.Errorf("read the owners: %w", err)
	}
	return owners, nil
}

// appliedOf calls take with what was applied of some owners; of every owner, if they are nil.
func appliedOf(ctx context.Context, db querier, wanted []resource.Owner, take func(resource.Owner, reconciler.OwnerState)) error {
	return eachOf(ctx, db, wanted, func(row *sql.Rows) error {
		var owner resource.Owner
		var state reconciler.OwnerState
		var packed []byte
		if err := row.Scan(&owner, &state.Commit, &packed); err != nil {
			return err
		}
		applied, err := unpack(packed)
		if err != nil {
			return fmt.Errorf("%s: %w", owner, err)
		}
		state.Applied = applied
		take(owner, state)
		return nil
	}, "SELECT owner, reached, applied FROM owners")
}

// eachOf is each, for a query about some owners; about every owner, if they are nil.
func eachOf(ctx context.Context, db querier, wanted []resource.Owner, row func(*sql.Rows) error, query string) error {
	if wanted == nil {
		return each(ctx, db, row, query)
	}
	for batch := range slices.Chunk(wanted, batch) {
		args := make([]any, len(batch))
		for i, owner := range batch {
			args[i] = owner
		}
		if err := each(ctx, db, row, query+" WHERE owner IN (?"+strings.Repeat(", ?", len(batch)-1)+")", args...); err != nil {
			return err
		}
	}
	return nil
}

// Settle notes what an owner was brought to. A whole one that has nothing is forgotten.
func (s *Store) Settle(ctx context.Context, owner resource.Owner, to reconciler.Settlement) error {
	err := s.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, address := range to.Done {
			if _, err := tx.ExecContext(ctx, "DELETE FROM begun WHERE address = ?", address.String()); err != nil {
				return err
			}
			if err := forgetWaiting(ctx, tx, address); err != nil {
				return err
			}
		}
		if to.Commit != "" && len(to.Applied) == 0 {
			_, err := tx.ExecContext(ctx, "DELETE FROM owners WHERE owner = ?", owner)
			return err
		}
		packed, err := pack(to.Applied)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO owners (owner, reached, applied) VALUES (?1, ?2, ?3)
			ON CONFLICT (owner) DO UPDATE SET reached = CASE ?2 WHEN '' THEN reached ELSE ?2 END, applied = ?3`,
			owner, to.Commit, packed)
		return err
	})
	if err != nil {
		return fmt.Errorf("settle %s: %w", owner, err)
	}
	s.reach.touch(owner)
	return nil
}

// Forget takes resources out of what is remembered of an owner.
func (s *Store) Forget(ctx context.Context, owner resource.Owner, addresses []resource.Address) error {
	err := s.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, address := range addresses {
			for _, query := range []string{"DELETE FROM begun WHERE address = ?", "DELETE FROM waiting WHERE address = ?"} {
				if _, err := tx.ExecContext(ctx, query, address.String()); err != nil {
					return err
				}
			}
		}
		var packed []byte
		err := tx.QueryRowContext(ctx, "SELECT applied FROM owners WHERE owner = ?", owner).Scan(&packed)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		applied, err := unpack(packed)
		if err != nil {
			return err
		}
		applied = slices.DeleteFunc(applied, func(d resource.Desired) bool { return slices.Contains(addresses, d.Address) })
		if len(applied) == 0 {
			_, err := tx.ExecContext(ctx, "DELETE FROM owners WHERE owner = ?", owner)
			return err
		}
		if packed, err = pack(applied); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE owners SET applied = ? WHERE owner = ?", packed, owner)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget %d resources of %s: %w", len(addresses), owner, err)
	}
	s.reach.touch(owner)
	return nil
}

// FirstSeen returns since when each difference is known, remembers the new ones as of now, and
// forgets the ones that are not named. A store that is open for reading remembers nothing.
func (s *Store) FirstSeen(ctx context.Context, differences []string, now time.Time) (map[string]time.Time, error) {
	seen := make(map[string]time.Time, len(differences))
	known := map[string]time.Time{}
	if s.read != nil {
		err := each(ctx, s.read, func(row *sql.Rows) error {
			var difference string
			var at int64
			err := row.Scan(&difference, &at)
			known[difference] = time.Unix(0, at).UTC()
			return err
		}, "SELECT difference, seen FROM differences")
		if err != nil {
			return nil, fmt.Errorf("read the known differences: %w", err)
		}
	}
	for _, difference := range differences {
		seen[difference] = now.UTC()
		if at, ok := known[difference]; ok {
			seen[difference] = at
		}
	}
	if s.write == nil {
		return seen, nil
	}
	if err := s.remember(ctx, known, seen); err != nil {
		return nil, fmt.Errorf("remember the differences: %w", err)
	}
	return seen, nil
}

// remember makes the table of differences hold what is in seen, given that it holds known.
func (s *Store) remember(ctx context.Context, known, seen map[string]time.Time) error {
	var gone []string
	for difference := range known {
		if _, ok := seen[difference]; !ok {
			gone = append(gone, difference)
		}
	}
	return s.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, difference := range gone {
			if _, err := tx.ExecContext(ctx, "DELETE FROM differences WHERE difference = ?", difference); err != nil {
				return err
			}
		}
		for difference, at := range seen {
			if _, ok := known[difference]; ok {
				continue
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO differences (difference, seen) VALUES (?, ?)
				ON CONFLICT (difference) DO NOTHING`, difference, at.UnixNano()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Get returns the text of a key, and "" for an unknown one.
func (s *Store) Get(ctx context.Context, key string) (string, error) {
	if s.read == nil {
		return "", nil
	}
	var value string
	err := s.read.QueryRowContext(ctx, "SELECT value FROM texts WHERE key = ?", key).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("get %s: %w", key, explained(err))
	}
	return value, nil
}

// Put keeps a text by key.
func (s *Store) Put(ctx context.Context, key, value string) error {
	err := s.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO texts (key, value) VALUES (?, ?)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
		return err
	})
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

// pack encodes resources, secrets sealed, and compresses them: a rendering repeats itself a lot.
func pack(list []resource.Desired) ([]byte, error) {
	text, err := resource.Encode(list)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

func unpack(packed []byte) ([]resource.Desired, error) {
	if len(packed) == 0 {
		return nil, nil
	}
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return resource.Decode(text)
}
