-- Of runs that recover others only: which action an action has its result from or repeats ("RUN/ACTION"), and why it was
-- not taken from there ("" when it was).
CREATE TABLE recovered (
  action INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  why TEXT NOT NULL
);
