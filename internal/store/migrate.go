package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// newest is the version of the last migration.
const newest = 5

// applicationID marks a SQLite file as Tenantry's; the first migration writes it.
const applicationID = 1415933556

var errForeign = errors.New("it is a database of another program")

// migrate brings a database of an older version, or an empty one, to this version's shape. Each
// step is one transaction, so that it can be interrupted.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the database to version %d: %w", newest, err)
	}
	return nil
}

// usable tells whether this program can use a database of that version as it is.
func usable(version int64) error {
	switch {
	case version > newest:
		return fmt.Errorf("a newer tenantry has written it (version %d; this one knows %d): use that one", version, newest)
	case version < newest:
		return fmt.Errorf("an older tenantry has written it (version %d; this one needs %d): start this one's daemon once", version, newest)
	}
	return nil
}

// versionOf returns the version of a database of ours, and 0 for one that is still empty.
func versionOf(ctx context.Context, db querier) (int64, error) {
	var id, others int64
	// The making of a database may have been interrupted before its first migration; then it has
	// goose's own table and nothing else.
	err := db.QueryRowContext(ctx, `SELECT application_id, (SELECT count(*) FROM sqlite_master
			WHERE tbl_name NOT IN ('goose_db_version', 'sqlite_sequence'))
		FROM pragma_application_id`).Scan(&id, &others)
	switch {
	case err != nil:
		return 0, err
	case id == 0 && others == 0:
		return 0, nil
	case id != applicationID:
		return 0, errForeign
	}
	var version int64
	if err := db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("read the version: %w", err)
	}
	return version, nil
}
