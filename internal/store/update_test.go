package store

import (
	"context"
	"database/sql"
	"errors"
	"testing"
)

func TestAWriteThatHasBegunIsFinished(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	err = s.update(ctx, func(ctx context.Context, tx *sql.Tx) error {
		cancel()
		_, err := tx.ExecContext(ctx, "INSERT INTO texts (key, value) VALUES ('k', 'v')")
		return err
	})
	if got, getErr := s.Get(t.Context(), "k"); err != nil || getErr != nil || got != "v" {
		t.Errorf("%v, %q, %v", err, got, getErr)
	}
	if err := s.Put(ctx, "k", "w"); !errors.Is(err, context.Canceled) {
		t.Errorf("one that had not begun: %v", err)
	}
	failure := errors.New("half way")
	err = s.update(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE texts SET value = 'half'")
		return errors.Join(err, failure)
	})
	if got, getErr := s.Get(t.Context(), "k"); !errors.Is(err, failure) || getErr != nil || got != "v" {
		t.Errorf("one that failed: %v, %q, %v", err, got, getErr)
	}
}
