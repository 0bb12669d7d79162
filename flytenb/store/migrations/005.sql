-- Cached results may be pinned, and know their task when the run that made them is gone; hits are found by key.
ALTER TABLE cache ADD COLUMN is_pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cache ADD COLUMN task INTEGER;
CREATE INDEX action_hit ON action (cache_key, ended_at, saved_s) WHERE saved_s IS NOT NULL;
