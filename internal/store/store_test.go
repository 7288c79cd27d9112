package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tenantry.dev/internal/store"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

func open(t *testing.T, dir string, mode store.Mode) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dir, mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// reopened closes a store and opens it again, as a restart does.
func reopened(t *testing.T, s *store.Store, dir string) *store.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir, store.ReadWrite)
}

func bucket(owner resource.Owner, name string) resource.Address {
	return resource.Address{Owner: owner, Kind: "aws.s3.bucket", Name: name}
}

func desired(owner resource.Owner, name string) resource.Desired {
	return resource.Desired{
		Address: bucket(owner, name), Scope: resource.Scope{Account: "111122223333", Region: "eu-central-1"}, Cell: "eu-1",
		Attributes: resource.Attributes{"name": resource.String(name), "versioning": resource.Bool(true)},
		Origin:     resource.Origin{File: "plans/team.cue", Line: 31},
	}
}

func TestOwnersSurviveARestart(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := open(t, dir, store.ReadWrite)
	acme, globex, initech := resource.Tenant("acme"), resource.Tenant("globex"), resource.Tenant("initech")

	cell := resource.Cell("eu-1")
	settle := func(owner resource.Owner, commit reconciler.Commit, applied ...resource.Desired) error {
		return s.Settle(ctx, owner, reconciler.Settlement{Commit: commit, Applied: applied})
	}
	steps := []struct {
		does string
		err  error
	}{
		{"settle", settle(acme, "c1", desired(acme, "data"), desired(acme, "logs"))},
		{"settle again", settle(acme, "c1", desired(acme, "data"), desired(acme, "logs"))},
		{"settle the next", settle(globex, "c1", desired(globex, "data"))},
		{"settle a part of another commit", settle(globex, "", desired(globex, "data"), desired(globex, "logs"))},
		{"settle a part of what is new", settle(initech, "", desired(initech, "data"))},
		{"settle what goes", settle(cell, "c1", desired(cell, "x"))},
		{"forget it", settle(cell, "c2")},
		{"forget it again", settle(cell, "c2")},
		{"keep nothing of it but its commit", settle("fleet", "c1", desired("fleet", "x"))},
		{"in part", settle("fleet", "")},
	}
	for _, step := range steps {
		if step.err != nil {
			t.Fatalf("%s: %v", step.does, step.err)
		}
	}
	s = reopened(t, s, dir)
	got, err := s.Owners(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := map[resource.Owner]reconciler.OwnerState{
		acme:    {Commit: "c1", Applied: []resource.Desired{desired(acme, "data"), desired(acme, "logs")}},
		globex:  {Commit: "c1", Applied: []resource.Desired{desired(globex, "data"), desired(globex, "logs")}},
		initech: {Applied: []resource.Desired{desired(initech, "data")}},
		"fleet": {Commit: "c1"},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(resource.Value.Equal), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestSecretsAreSealedInTheFile(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := open(t, dir, store.ReadWrite)
	d := desired(resource.Tenant("acme"), "data")
	secret := resource.String("correct-horse-battery").AsSecret()
	d.Attributes["password"] = secret
	if err := s.Settle(ctx, d.Address.Owner, reconciler.Settlement{Commit: "c1", Applied: []resource.Desired{d}}); err != nil {
		t.Fatal(err)
	}
	owners, err := s.Owners(ctx)
	if err != nil {
		t.Fatal(err)
	}
	kept := owners[d.Address.Owner].Applied[0].Attributes["password"]
	if !kept.Equal(secret) {
		t.Error("the sealed secret isn't equal to the secret")
	}
	if strings.Contains(kept.Reveal(), "correct-horse") {
		t.Error("the secret can be read from the store")
	}
}

func TestFirstSeen(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := open(t, dir, store.ReadWrite)
	first := time.Date(2026, 11, 1, 12, 0, 0, 123456789, time.UTC)
	later, last := first.Add(time.Hour), first.Add(2*time.Hour)

	check := func(now time.Time, want map[string]time.Time) {
		t.Helper()
		got, err := s.FirstSeen(ctx, slices.Sorted(maps.Keys(want)), now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	check(first, map[string]time.Time{"a": first, "b": first})
	check(later, map[string]time.Time{"a": first, "c": later}) // b is forgotten
	s = reopened(t, s, dir)
	beside := open(t, dir, store.ReadOnly) // remembers nothing
	if got, err := beside.FirstSeen(ctx, []string{"a", "z"}, last); err != nil || got["a"] != first || got["z"] != last {
		t.Errorf("read only: %v, %v", got, err)
	}
	check(last, map[string]time.Time{"a": first, "b": last, "c": later})
}

func TestTextsByKey(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := open(t, dir, store.ReadWrite)
	for _, value := range []string{"one", "two", "two"} {
		if err := s.Put(ctx, "head", value); err != nil {
			t.Fatal(err)
		}
	}
	s = reopened(t, s, dir)
	for key, want := range map[string]string{"head": "two", "unknown": ""} {
		if got, err := s.Get(ctx, key); err != nil || got != want {
			t.Errorf("get %s: %q, %v; want %q", key, got, err, want)
		}
	}
}

func TestOnlyOneWriter(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.ReadWrite)
	_, err := store.Open(t.Context(), dir, store.ReadWrite)
	if want := fmt.Sprintf("another tenantry process (pid %d) is using this data directory", os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("second writer: %v; want %q", err, want)
	}
	if err := s.Put(t.Context(), "k", "v"); err != nil {
		t.Errorf("the first writer was disturbed: %v", err)
	}
	reader := open(t, dir, store.ReadOnly)
	if got, err := reader.Get(t.Context(), "k"); got != "v" || err != nil {
		t.Errorf("a reader beside the writer: %q, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, store.ReadWrite)
}

func TestReadingAnEmptyDirectory(t *testing.T) {
	for name, dir := range map[string]string{"empty": t.TempDir(), "missing": filepath.Join(t.TempDir(), "none")} {
		s := open(t, dir, store.ReadOnly)
		ctx := t.Context()
		owners, err := s.Owners(ctx)
		if len(owners) != 0 || owners == nil || err != nil {
			t.Errorf("%s: owners: %v, %v", name, owners, err)
		}
		created, err := s.Created(ctx, []resource.Address{bucket("fleet", "x")})
		if len(created) != 0 || err != nil {
			t.Errorf("%s: created: %v, %v", name, created, err)
		}
		if open, err := s.Unanswered(ctx); len(open) != 0 || err != nil {
			t.Errorf("%s: unanswered: %v, %v", name, open, err)
		}
		if spent, err := s.Spent(ctx, time.Time{}); len(spent) != 0 || err != nil {
			t.Errorf("%s: spent: %v, %v", name, spent, err)
		}
		if entries, err := s.Entries(ctx, time.Time{}); len(entries) != 0 || err != nil {
			t.Errorf("%s: entries: %v, %v", name, entries, err)
		}
		if head, err := s.Verify(ctx); head.Size != 0 || err != nil {
			t.Errorf("%s: verify: %v, %v", name, head, err)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 0 {
			t.Errorf("%s: reading left %v behind", name, entries)
		}
	}
}

func TestReadOnlyRefusesToWrite(t *testing.T) {
	dir := t.TempDir()
	_ = open(t, dir, store.ReadWrite).Close()
	for name, s := range map[string]*store.Store{"existing": open(t, dir, store.ReadOnly), "empty": open(t, t.TempDir(), store.ReadOnly)} {
		ctx := t.Context()
		_, recorded := s.Record(ctx, changeset.Entry{Phase: changeset.Note})
		for what, err := range map[string]error{
			"follow": s.Follow(ctx, []resource.Address{bucket("fleet", "x")}), "settle": s.Settle(ctx, "fleet", reconciler.Settlement{Commit: "c"}),
			"forget": s.Forget(ctx, "fleet", []resource.Address{bucket("fleet", "x")}),
			"put":    s.Put(ctx, "k", "v"), "record": recorded,
		} {
			if err == nil || !strings.Contains(err.Error(), store.ErrReadOnly.Error()) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
	}
}

func TestWhatCannotBeUsedIsRefusedAndLeft(t *testing.T) {
	edit := func(statements ...string) func(*testing.T, string) {
		return func(t *testing.T, path string) { execute(t, path, statements...) }
	}
	overwrite := func(offset int64, text string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if _, err := file.WriteAt([]byte(text), offset); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace := func(text string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	foreign := func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		execute(t, path, "CREATE TABLE songs (title TEXT)")
	}
	tests := []struct {
		name   string
		damage func(*testing.T, string)
		want   string
	}{
		{"newer version", edit("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)"), "a newer tenantry has written it (version 99"},
		{"another program's", foreign, "it is a database of another program"},
		{"marked by another program", edit("PRAGMA application_id = 7"), "it is a database of another program"},
		{"header overwritten", overwrite(0, "not a database at all"), "the file is damaged; it was left as it is"},
		{"page overwritten", overwrite(4096, strings.Repeat("x", 9000)), "the file is damaged; it was left as it is"},
		{"page of a table that isn't read at once", overwritePage("differences"), "the file is damaged; it was left as it is"},
		{"text", replace(strings.Repeat("hello ", 3000)), "the file is damaged; it was left as it is"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "tenantry.db")
			s := open(t, dir, store.ReadWrite)
			for range 20 {
				if _, err := s.Record(t.Context(), changeset.Entry{Phase: changeset.Note, Detail: strings.Repeat("detail ", 100)}); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			test.damage(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Open(t.Context(), dir, store.ReadWrite); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("open: %v; want %q", err, test.want)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("the file was changed (%v)", err)
			}
			again, err := store.Open(t.Context(), dir, store.ReadWrite)
			if err == nil {
				_ = again.Close()
				t.Error("the second try opened it")
			} else if strings.Contains(err.Error(), "another tenantry process") {
				t.Error("the lock was kept after the refusal")
			}
		})
	}
}

func TestRunsInABubble(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir, store.ReadWrite)
		begun := time.Now()
		for range 3 {
			if _, err := s.Record(t.Context(), changeset.Entry{Phase: changeset.Note}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour) // the bubble's clock
		}
		entries, err := s.Entries(t.Context(), begun.Add(time.Hour))
		if err != nil || len(entries) != 2 {
			t.Errorf("%v, %v", entries, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// overwritePage damages the first page of a table.
func overwritePage(table string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		var page, size int64
		err = db.QueryRowContext(t.Context(), "SELECT rootpage, page_size FROM sqlite_master, pragma_page_size WHERE name = ?", table).Scan(&page, &size)
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = file.WriteAt(bytes.Repeat([]byte{0xff}, 100), (page-1)*size)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// execute changes a database behind the store's back.
func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
