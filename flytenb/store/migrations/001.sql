-- An action's id is (run << 32 | index): a run's rows lie together, so listing it is one range scan without an index.
-- Two writes per action: accepted, ended. Phases are the integers of flytenb.model.phases.

CREATE TABLE task (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  body BLOB NOT NULL
);

CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  task INTEGER NOT NULL REFERENCES task (id),
  options BLOB NOT NULL,
  phase INTEGER NOT NULL,
  created_at REAL NOT NULL,
  ended_at REAL,
  action_count INTEGER,
  failed_count INTEGER,
  cached_count INTEGER
);
CREATE INDEX run_unfinished ON run (id) WHERE ended_at IS NULL;

CREATE TABLE action (
  id INTEGER PRIMARY KEY,
  parent INTEGER NOT NULL,
  task INTEGER NOT NULL,
  key BLOB NOT NULL,
  n INTEGER NOT NULL,
  phase INTEGER NOT NULL,
  inputs BLOB NOT NULL,
  outputs BLOB,
  accepted_at REAL NOT NULL,
  started_at REAL,
  ended_at REAL,
  attempt INTEGER,
  saved_s REAL,
  "group" TEXT NOT NULL,
  cache_key BLOB NOT NULL
);

-- Attempts that did not end their action: the last one is the action's row.
CREATE TABLE attempt (
  action INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  why TEXT NOT NULL,
  started_at REAL,
  ended_at REAL,
  failure BLOB NOT NULL,
  PRIMARY KEY (action, attempt)
) WITHOUT ROWID;

CREATE TABLE cache (
  key BLOB PRIMARY KEY,
  action INTEGER NOT NULL,
  outputs BLOB NOT NULL,
  duration_s REAL NOT NULL,
  created_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE trace (
  action INTEGER NOT NULL,
  key BLOB NOT NULL,
  n INTEGER NOT NULL,
  name TEXT NOT NULL,
  started_at REAL NOT NULL,
  duration_s REAL NOT NULL,
  ok INTEGER NOT NULL,
  inputs BLOB NOT NULL,
  outputs BLOB NOT NULL,
  PRIMARY KEY (action, key, n)
) WITHOUT ROWID;

CREATE TABLE log (
  id INTEGER PRIMARY KEY,
  action INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  stream TEXT NOT NULL,
  time REAL NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX log_of_action ON log (action);

CREATE TABLE report (
  action INTEGER PRIMARY KEY,
  digest TEXT NOT NULL
);
