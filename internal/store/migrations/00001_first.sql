-- +goose Up
PRAGMA application_id = 1415933556; -- "Tent" read as a number: this file is Tenantry's

-- What is remembered of an owner: the commit that it was last reconciled to, its rendering then
-- (packed), and a commit that was begun and not settled.
CREATE TABLE owners (
    owner   TEXT PRIMARY KEY,
    reached TEXT NOT NULL DEFAULT '',
    applied BLOB,
    attempt TEXT NOT NULL DEFAULT ''
) STRICT;

-- The audit log. The text of the entry is the truth, and is what the hash covers; the other
-- columns are computed from it, so that no decision can rest on anything that isn't proven.
CREATE TABLE entries (
    seq      INTEGER PRIMARY KEY,
    hash     TEXT NOT NULL,
    entry    TEXT NOT NULL,
    second   INTEGER NOT NULL GENERATED ALWAYS AS (unixepoch(entry ->> '$.time')) STORED,
    phase    TEXT NOT NULL GENERATED ALWAYS AS (entry ->> '$.phase') STORED,
    action   TEXT GENERATED ALWAYS AS (entry ->> '$.action') STORED,
    address  TEXT GENERATED ALWAYS AS (entry ->> '$.address') STORED,
    answered INTEGER GENERATED ALWAYS AS (entry ->> '$.before') STORED
) STRICT;

CREATE INDEX entries_by_second ON entries (second);
CREATE INDEX entries_by_address ON entries (address) WHERE address IS NOT NULL;
CREATE INDEX entries_by_answered ON entries (answered) WHERE answered IS NOT NULL;

-- +goose StatementBegin
CREATE TRIGGER entries_are_never_changed BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER entries_are_never_deleted BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
-- +goose StatementEnd

-- The head of the log, written with each entry, so that a cut shows.
CREATE TABLE head (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    size INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
INSERT INTO head (one, size, hash) VALUES (1, 0, '');

-- The creates that were sent and not answered, by the number of their before-entry. It follows
-- from the log and is kept with it, because finding it there would take a walk over all of it.
CREATE TABLE unanswered (
    seq     INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    sent    INTEGER NOT NULL -- nanoseconds since 1970, UTC
) STRICT;
CREATE INDEX unanswered_by_address ON unanswered (address);

-- Since when each difference between Git and the cloud is known.
CREATE TABLE differences (
    difference TEXT PRIMARY KEY,
    seen       INTEGER NOT NULL -- nanoseconds since 1970, UTC
) STRICT;

CREATE TABLE texts (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
