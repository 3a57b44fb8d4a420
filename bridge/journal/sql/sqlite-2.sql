-- From schema 1 to 2: encrypted bodies, and the causes of dead letters.

ALTER TABLE body ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;

CREATE TABLE cause (
  entry    INTEGER NOT NULL,
  endpoint TEXT    NOT NULL,
  place    INTEGER NOT NULL,
  stage    TEXT    NOT NULL,
  code     TEXT    NOT NULL,
  file     TEXT    NOT NULL DEFAULT '',
  line     INTEGER NOT NULL DEFAULT 0,
  field    TEXT    NOT NULL DEFAULT '',
  PRIMARY KEY (entry, endpoint, place)
) WITHOUT ROWID;
