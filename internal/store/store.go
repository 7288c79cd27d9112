// Package store keeps on one machine what a run needs of earlier ones: what each owner was last
// reconciled to, the audit log, and since when differences are known. It is a SQLite file in the
// data directory.
//
// A Store implements reconciler.State and reconciler.Recorder. Every write is on the disk when
// its method returns (write-ahead log, synced at each commit), so that a process may be killed at
// any point. All methods are safe for concurrent use.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"modernc.org/sqlite" // also registers the driver
	sqlite3 "modernc.org/sqlite/lib"

	"tenantry.dev/reconciler"
)

var (
	_ reconciler.State    = (*Store)(nil)
	_ reconciler.Recorder = (*Store)(nil)
)

// A Mode is what a store is opened for.
type Mode int

// ReadWrite is for the one process that writes; it holds a lock on the data directory. ReadOnly
// works beside it and takes no lock; where nothing was ever written, it finds everything empty.
const (
	ReadWrite Mode = iota
	ReadOnly
)

// ErrReadOnly means that a write was asked of a store that was opened to read.
var ErrReadOnly = errors.New("the store is open for reading only")

// fileName is the database's name in the data directory.
const fileName = "tenantry.db"

// Exists tells whether something was ever kept in a data directory.
func Exists(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, fileName))
	return err == nil
}

// A Store is an open data directory.
type Store struct {
	path  string
	read  *sql.DB // nil for a store that was never written to
	write *sql.DB // one connection; nil if opened to read
	lock  *dirLock

	writing sync.Mutex // held by the one transaction that writes, and by Close
	reach   reach
}

// Open opens the store in dir. ReadWrite makes the directory and the database if there are none,
// brings an older database to this version's shape, and refuses when another process has the
// directory open for writing. A database that is damaged, that isn't Tenantry's, or that a newer
// version has written is an error, and is left as it is.
func Open(ctx context.Context, dir string, mode Mode) (*Store, error) {
	s := &Store{path: filepath.Join(dir, fileName)}
	open := s.openToWrite
	if mode == ReadOnly {
		open = s.openToRead
	}
	if err := open(ctx, dir); err != nil {
		return nil, errors.Join(fmt.Errorf("open the store %s: %w", s.path, explained(err)), s.Close())
	}
	return s, nil
}

func (s *Store) openToWrite(ctx context.Context, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if s.lock, err = lockDir(dir); err != nil {
		return err
	}
	if err := s.inspect(ctx); err != nil {
		return err
	}
	if s.write, err = connect(s.path, "rwc", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)", "_txlock=immediate"); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if err := migrate(ctx, s.write); err != nil {
		return err
	}
	if s.read, err = connect(s.path, "ro"); err != nil {
		return err
	}
	return s.checkHead(ctx)
}

func (s *Store) openToRead(ctx context.Context, _ string) error {
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	db, err := connect(s.path, "ro")
	if err != nil {
		return err
	}
	version, err := versionOf(ctx, db)
	if err != nil || version == 0 { // 0: its writer is just making it
		return errors.Join(err, db.Close())
	}
	s.read = db
	return usable(version)
}

// inspect looks at the file without writing to it, so that what can't be used is left as it is.
func (s *Store) inspect(ctx context.Context) error {
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	db, err := connect(s.path, "ro")
	if err != nil {
		return err
	}
	version, err := versionOf(ctx, db)
	if err == nil && version > newest {
		err = usable(version)
	}
	if err == nil {
		err = whole(ctx, db)
	}
	return errors.Join(err, db.Close())
}

// Close waits for the running write and gives the directory free. The store must not be used
// after it; closing twice is harmless.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} { // the writer last, so that it tidies up the write-ahead log
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the store %s: %w", s.path, err)
	}
	return nil
}

// connect opens a handle whose every connection has the same settings.
func connect(path, mode string, settings ...string) (*sql.DB, error) {
	var name strings.Builder
	name.WriteString("file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=" + mode +
		"&_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_dqs=0&_defensive=1")
	for _, setting := range settings {
		name.WriteString("&" + setting)
	}
	return sql.Open("sqlite", name.String())
}

// whole reads the database through and reports damage before anything rests on it.
func whole(ctx context.Context, db *sql.DB) error {
	var found string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, found)
	}
	return nil
}

var errDamaged = errors.New("the file is damaged; it was left as it is: " +
	"restore it from a backup, or move it away to start with an empty log")

// explained adds to SQLite's words for a broken file what a person can do.
func explained(err error) error {
	var broken *sqlite.Error
	if errors.As(err, &broken) && !errors.Is(err, errDamaged) {
		switch broken.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	return err
}

// update runs f in a transaction that is durable when update returns without an error. Once
// begun it is finished, whatever becomes of ctx: half a step is worth nothing to anybody.
func (s *Store) update(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	if s.write == nil {
		return ErrReadOnly
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	ctx = context.WithoutCancel(ctx)
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return explained(err)
	}
	if err := f(ctx, tx); err != nil {
		return errors.Join(explained(err), tx.Rollback())
	}
	return explained(tx.Commit())
}

// each runs a query and calls row for each of its rows.
func each(ctx context.Context, db querier, row func(*sql.Rows) error, query string, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return explained(err)
	}
	defer func() { _ = rows.Close() }() // what matters of it is in rows.Err
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return explained(rows.Err())
}

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}
