-- +goose Up
-- The writes that the cloud wasn't done with, or wasn't ready for, when last asked. It follows from the
-- log and is kept with it, because every plan asks for it.
CREATE TABLE waiting (
    address TEXT PRIMARY KEY,
    seq     INTEGER NOT NULL,          -- the entry before the write
    since   INTEGER NOT NULL,          -- nanoseconds since 1970, UTC, of the first answer of that kind
    ticket  TEXT NOT NULL,             -- what the cloud calls the request; empty if nothing is under way
    what    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE begun ADD COLUMN wanted BLOB;                      -- what the writes asked for; NULL if they may leave anything
ALTER TABLE begun ADD COLUMN open INTEGER NOT NULL DEFAULT 0;  -- the last write, if it has no answer
ALTER TABLE begun ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;  -- and when that was sent, as above
ALTER TABLE begun ADD COLUMN late INTEGER NOT NULL DEFAULT 0;  -- when the last write before it was that never got one
