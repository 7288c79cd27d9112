package store

import (
	"bytes"
	"compress/zlib"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
)

// Owners returns what is remembered of every owner.
func (s *Store) Owners(ctx context.Context) (map[resource.Owner]reconciler.OwnerState, error) {
	owners := map[resource.Owner]reconciler.OwnerState{}
	if s.read == nil {
		return owners, nil
	}
	err := each(ctx, s.read, func(row *sql.Rows) error {
		var owner resource.Owner
		var state reconciler.OwnerState
		var packed []byte
		if err := row.Scan(&owner, &state.Commit, &packed, &state.Attempt); err != nil {
			return err
		}
		applied, err := unpack(packed)
		if err != nil {
			return fmt.Errorf("%s: %w", owner, err)
		}
		state.Applied = applied
		owners[owner] = state
		return nil
	}, "SELECT owner, reached, applied, attempt FROM owners")
	if err != nil {
		return nil, fmt.Errorf("read the owners: %w", err)
	}
	return owners, nil
}

// Begin notes that owners are about to be brought to a commit, and keeps the first such note.
func (s *Store) Begin(ctx context.Context, owners []resource.Owner, commit reconciler.Commit) error {
	err := s.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, owner := range owners {
			if _, err := tx.ExecContext(ctx, `INSERT INTO owners (owner, attempt) VALUES (?, ?)
				ON CONFLICT (owner) DO UPDATE SET attempt = excluded.attempt WHERE attempt = ''`, owner, commit); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("begin %d owners: %w", len(owners), err)
	}
	return nil
}

// Settle notes that an owner is as the commit wants it. An empty list forgets the owner.
func (s *Store) Settle(ctx context.Context, owner resource.Owner, commit reconciler.Commit, applied []resource.Desired) error {
	err := s.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if len(applied) == 0 {
			_, err := tx.ExecContext(ctx, "DELETE FROM owners WHERE owner = ?", owner)
			return err
		}
		packed, err := pack(applied)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO owners (owner, reached, applied, attempt) VALUES (?, ?, ?, '')
			ON CONFLICT (owner) DO UPDATE SET reached = excluded.reached, applied = excluded.applied, attempt = ''`,
			owner, commit, packed)
		return err
	})
	if err != nil {
		return fmt.Errorf("settle %s: %w", owner, err)
	}
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
