-- Who answered a condition, from where, and when; the answer itself is the action's outputs.
CREATE TABLE answer (
  action INTEGER PRIMARY KEY,
  who TEXT NOT NULL,
  origin TEXT NOT NULL,
  at REAL NOT NULL
);
