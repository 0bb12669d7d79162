-- What a person keeps of a run: whether it stays, words to find it by, a remark.
CREATE TABLE run_mark (
  run INTEGER PRIMARY KEY,
  is_pinned INTEGER NOT NULL,
  tags TEXT NOT NULL,
  note TEXT NOT NULL
);
-- The highest number that a run had which was deleted: numbers are not given twice.
CREATE TABLE deleted (highest INTEGER NOT NULL);
INSERT INTO deleted VALUES (0);
