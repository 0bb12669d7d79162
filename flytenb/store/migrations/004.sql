-- What is built: an image or a virtual environment; and which runs waited for it.
ALTER TABLE build ADD COLUMN kind TEXT NOT NULL DEFAULT 'image';

CREATE TABLE run_build (
  run INTEGER NOT NULL,
  build INTEGER NOT NULL,
  PRIMARY KEY (run, build)
) WITHOUT ROWID;
