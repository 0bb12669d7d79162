-- Where actions really ran and with what software, recorded once and named by number.
CREATE TABLE placement (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  body BLOB NOT NULL
);
ALTER TABLE action ADD COLUMN placement INTEGER;
