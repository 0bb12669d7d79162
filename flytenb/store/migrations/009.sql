-- What the variables of the frames of a failed attempt held, as texts: apart, because lists of actions do not need it.
CREATE TABLE post_mortem (
  action INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  variables BLOB NOT NULL,
  PRIMARY KEY (action, attempt)
) WITHOUT ROWID;
