-- Images that were built: what, where, how it ended; and their layers with what each wrote.
CREATE TABLE build (
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL,
  image TEXT NOT NULL,
  text TEXT NOT NULL,
  engine TEXT NOT NULL,
  phase TEXT NOT NULL,
  image_id TEXT NOT NULL,
  error TEXT NOT NULL,
  started_at REAL NOT NULL,
  ended_at REAL
);

CREATE TABLE build_layer (
  build INTEGER NOT NULL,
  n INTEGER NOT NULL,
  title TEXT NOT NULL,
  phase TEXT NOT NULL,
  started_at REAL NOT NULL,
  seconds REAL NOT NULL,
  log TEXT NOT NULL,
  PRIMARY KEY (build, n)
) WITHOUT ROWID;
