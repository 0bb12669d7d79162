-- What attempts used of their machine (CPU, memory, GPUs over time): one row for each that ran longer than a second.
CREATE TABLE usage (
  action INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (action, attempt)
) WITHOUT ROWID;
