-- What bodies said last of how far they are: one row for each action that said so, written with its end.
CREATE TABLE progress (
  action INTEGER PRIMARY KEY,
  done REAL NOT NULL,
  total REAL NOT NULL,
  text TEXT NOT NULL,
  elapsed_s REAL NOT NULL,
  at REAL NOT NULL
);
