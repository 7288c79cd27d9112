-- +goose Up
-- What was begun on a resource since it was last settled, by its address. It follows from the log and
-- is kept with it, so that a write and the doubt that it leaves are one thing.
CREATE TABLE begun (
    address TEXT PRIMARY KEY,
    owner   TEXT NOT NULL,
    since   INTEGER NOT NULL,           -- the before-entry of the first write; 0 if there was none
    reaches TEXT NOT NULL DEFAULT '',   -- the commit that all writes were for; empty if they were for several
    done    INTEGER NOT NULL DEFAULT 0, -- the last one brought the resource to that commit
    removed INTEGER NOT NULL DEFAULT 0, -- one deleted it, and it wasn't made again since
    follows INTEGER NOT NULL DEFAULT 0  -- something that it refers to was written
) STRICT, WITHOUT ROWID;
CREATE INDEX begun_by_owner ON begun (owner);

-- Attempts used to be kept by owner. What they wrote is in the log.
INSERT INTO begun (address, owner, since, reaches, follows)
    SELECT e.address, o.owner, min(e.seq), '', 1
    FROM owners o JOIN entries e ON e.address >= o.owner || '/' AND e.address < o.owner || '0'
    WHERE o.attempt <> '' AND e.phase = 'before' AND e.seq >= (
        SELECT min(f.seq) FROM entries f
        WHERE f.phase = 'before' AND coalesce(f.entry ->> '$.commit', '') = CASE o.attempt WHEN 'uncommitted' THEN '' ELSE o.attempt END)
    GROUP BY e.address;
ALTER TABLE owners DROP COLUMN attempt;

ALTER TABLE unanswered ADD COLUMN nonce TEXT NOT NULL DEFAULT '';
