-- Runs that an action has started as its children: those of a notebook's cells. Other runs have no row.
CREATE TABLE run_below (
  run INTEGER PRIMARY KEY,
  parent INTEGER NOT NULL
);
CREATE INDEX run_below_parent ON run_below (parent);
