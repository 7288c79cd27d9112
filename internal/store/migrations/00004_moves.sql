-- +goose Up
-- Where a resource was before it was moved, which tells who made what is there.
CREATE INDEX IF NOT EXISTS entries_by_from ON entries (entry ->> '$.from') WHERE entry ->> '$.from' IS NOT NULL;
