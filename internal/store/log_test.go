package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/internal/audit"
	"tenantry.dev/internal/store"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

func record(t testing.TB, s *store.Store, e changeset.Entry) int64 {
	t.Helper()
	seq, err := s.Record(context.WithoutCancel(t.Context()), e)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func TestEntriesComeBackInOrder(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := open(t, dir, store.ReadWrite)
	begun := time.Now()
	want := []changeset.Entry{
		{
			Phase: changeset.Before, Run: "r1", Fleet: "f", Commit: "c", Digest: "sha256:1", Address: bucket("tenant/acme", "data"),
			Scope: resource.Scope{Account: "1", Region: "r"}, Cell: "eu-1", Action: changeset.Create, Cause: changeset.Config, Nonce: "n", Paths: []string{"a", "b"}, Actor: "kim",
		},
		{Phase: changeset.After, Before: 1, Result: changeset.Applied, Address: bucket("tenant/acme", "data"), Action: changeset.Create, Detail: `"<&>'` + "\u2028 größe"},
		{Phase: changeset.Note, Detail: "a forced push"},
	}
	for i, e := range want {
		if seq := record(t, s, e); seq != int64(i+1) {
			t.Errorf("entry %d has number %d", i+1, seq)
		}
		want[i].Seq = int64(i + 1)
	}
	s = reopened(t, s, dir)
	got, err := s.Entries(ctx, begun)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i].Time.Before(begun) || time.Since(got[i].Time) > time.Minute {
			t.Errorf("entry %d has the time %v", i+1, got[i].Time)
		}
		want[i].Time = got[i].Time
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if later, err := s.Entries(ctx, got[2].Time); err != nil || len(later) != 1 {
		t.Errorf("from the last entry's time: %v, %v", later, err)
	}
	if later, err := s.Entries(ctx, got[2].Time.Add(1)); err != nil || len(later) != 0 {
		t.Errorf("from after the last entry's time: %v, %v", later, err)
	}
}

func TestAnAfterEntryIsWrittenWhateverEnds(t *testing.T) {
	s := open(t, t.TempDir(), store.ReadWrite)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Record(ctx, changeset.Entry{Phase: changeset.Before}); !errors.Is(err, context.Canceled) {
		t.Errorf("before-entry: %v", err)
	}
	if _, err := s.Record(ctx, changeset.Entry{Phase: changeset.After, Before: 1}); err != nil {
		t.Errorf("after-entry: %v", err)
	}
}

func TestManyWritersLeaveNoGap(t *testing.T) {
	s := open(t, t.TempDir(), store.ReadWrite)
	var mu sync.Mutex
	var got []int64
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for j := range 20 {
				seq := record(t, s, changeset.Entry{Phase: changeset.Note, Detail: fmt.Sprint(i, j)})
				if _, err := s.Owners(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				got = append(got, seq)
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	slices.Sort(got)
	for i, seq := range got {
		if seq != int64(i+1) {
			t.Fatalf("number %d is in the place of %d", seq, i+1)
		}
	}
	if head, err := s.Verify(t.Context()); err != nil || head.Size != 160 {
		t.Errorf("%v, %v", head, err)
	}
}

func TestExportCanBeVerifiedElsewhere(t *testing.T) {
	s := open(t, t.TempDir(), store.ReadWrite)
	for range 5 {
		record(t, s, changeset.Entry{Phase: changeset.Note, Detail: "<&>"})
	}
	var exported bytes.Buffer
	if err := s.Export(t.Context(), &exported); err != nil {
		t.Fatal(err)
	}
	claimed, log, err := audit.Import(&exported)
	if err != nil {
		t.Fatal(err)
	}
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := audit.Verify(log, claimed, head); err != nil || got != head || head.Size != 5 {
		t.Errorf("%v, %v; want %v", got, err, head)
	}
}

// TestTamperingWithTheFileIsFound alters rows in random ways, as somebody could who has the file
// and knows SQL, but not a head that was kept elsewhere.
func TestTamperingWithTheFileIsFound(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.ReadWrite)
	const entries = 40
	for i := range entries {
		record(t, s, changeset.Entry{Phase: changeset.Before, Action: changeset.Delete, Address: bucket("tenant/acme", fmt.Sprint(i)), Actor: "kim"})
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "tenantry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	do := func(statement string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for _, statement := range []string{"DELETE FROM entries", "UPDATE entries SET hash = ''"} {
		if _, err := db.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	do("DROP TRIGGER entries_are_never_changed")
	do("DROP TRIGGER entries_are_never_deleted")
	do("CREATE TABLE sound AS SELECT seq, hash, entry FROM entries")
	do("CREATE TABLE sound_head AS SELECT * FROM head")
	random := rand.New(rand.NewPCG(21, 22))
	for i := range 1000 {
		at, other := 1+random.IntN(entries), 1+random.IntN(entries)
		first := tamperWithRows(do, random, at, other)
		var tampered *audit.Tampered
		if _, err := s.Verify(t.Context()); !errors.As(err, &tampered) || tampered.Seq != int64(first) {
			t.Errorf("tampering %d at %d and %d: %v; want entry %d", i, at, other, err, first)
		}
		do("BEGIN IMMEDIATE")
		do("DELETE FROM entries")
		do("INSERT INTO entries (seq, hash, entry) SELECT seq, hash, entry FROM sound")
		do("UPDATE head SET (size, hash) = (SELECT size, hash FROM sound_head)")
		do("COMMIT")
	}
	if _, err := s.Verify(t.Context()); err != nil {
		t.Errorf("put back: %v", err)
	}
}

// tamperWithRows makes one random change and returns the first entry that is bad then.
func tamperWithRows(do func(string, ...any), random *rand.Rand, at, other int) int {
	switch kind := random.IntN(8); {
	case kind == 0:
		do(`UPDATE entries SET entry = replace(entry, '"kim"', '"jim"') WHERE seq = ?`, at)
	case kind == 1:
		do("UPDATE entries SET hash = 'sha256:' || lower(hex(randomblob(32))) WHERE seq = ?", at)
	case kind == 2:
		do("DELETE FROM entries WHERE seq = ?", at)
	case kind == 3 && at != other: // two entries change places
		do(`UPDATE entries SET (hash, entry) = (SELECT hash, entry FROM sound WHERE seq = ? + ? - entries.seq)
			WHERE seq IN (?, ?)`, at, other, at, other)
		return min(at, other)
	case kind == 4: // cut at the end
		do("DELETE FROM entries WHERE seq >= ?", at)
	case kind == 5: // dropped, and the rest moved up
		do("DELETE FROM entries WHERE seq = ?", at)
		do("UPDATE entries SET seq = seq - 1 WHERE seq > ?", at)
	case kind == 6: // one more at the end
		do("INSERT INTO entries (seq, hash, entry) SELECT 41, hash, replace(entry, '\"seq\":' || seq, '\"seq\":41') FROM sound WHERE seq = ?", at)
		return 41
	case kind == 7: // the head is set back with the end cut, but for its hash
		do("DELETE FROM entries WHERE seq > ?", at)
		do("UPDATE head SET size = ?", at-1)
		if at == 1 {
			return 1
		}
		return at - 1
	default:
		do(`UPDATE entries SET entry = replace(entry, '"delete"', '"update"') WHERE seq = ?`, at)
	}
	return at
}

func TestACutLogIsNotExtended(t *testing.T) {
	for name, statements := range map[string][]string{
		"cut":        {"DROP TRIGGER entries_are_never_deleted", "DELETE FROM entries WHERE seq > 3"},
		"longer":     {"UPDATE head SET size = 4, hash = (SELECT hash FROM entries WHERE seq = 4)"},
		"other hash": {"UPDATE head SET hash = 'sha256:0'"},
		"no head":    {"DELETE FROM head"},
	} {
		dir := t.TempDir()
		s := open(t, dir, store.ReadWrite)
		for range 5 {
			record(t, s, changeset.Entry{Phase: changeset.Note})
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		execute(t, filepath.Join(dir, "tenantry.db"), statements...)
		var tampered *audit.Tampered
		if _, err := store.Open(t.Context(), dir, store.ReadWrite); !errors.As(err, &tampered) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := open(t, dir, store.ReadOnly).Verify(t.Context()); !errors.As(err, &tampered) { // it can still be looked into
			t.Errorf("%s, verify: %v", name, err)
		}
	}
}

func TestTheKnownHeadFindsARestoredBackup(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.ReadWrite)
	record(t, s, changeset.Entry{Phase: changeset.Note})
	known := audit.Head{Size: 2, Hash: "sha256:of an entry that the backup doesn't have"}
	var tampered *audit.Tampered
	if _, err := s.Verify(t.Context(), known); !errors.As(err, &tampered) || tampered.Seq != 2 {
		t.Errorf("%v", err)
	}
}
