-- +goose Up
-- The entries that were made under an approval: few among very many, and asked for by every plan.
CREATE INDEX entries_by_approval ON entries (entry ->> '$.approved.digest') WHERE entry ->> '$.approved.digest' IS NOT NULL;
