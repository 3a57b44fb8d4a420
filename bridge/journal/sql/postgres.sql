-- The journal's tables on PostgreSQL: those of sqlite.sql, where the columns are explained.
--
-- Names are compared byte by byte, as the program compares them, whatever the database's locale.

CREATE TABLE meta (
  name  TEXT  PRIMARY KEY,
  value BYTEA NOT NULL
);

CREATE TABLE name (
  kind   TEXT   NOT NULL,
  name   TEXT   NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (kind, name),
  UNIQUE (kind, number)                    -- two nodes may meet a new name at one moment
);

CREATE TABLE worker (
  id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  host TEXT   NOT NULL,
  beat BIGINT NOT NULL DEFAULT 0,
  gone BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE entry (
  id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key         BYTEA  NOT NULL,
  store       TEXT   COLLATE "C" NOT NULL,
  topic       TEXT   NOT NULL,
  event_type  TEXT,
  resource    TEXT   NOT NULL,
  subject     BYTEA,
  received_at BIGINT NOT NULL,
  recorded_at BIGINT NOT NULL,
  horizon     BIGINT NOT NULL,
  copies      BIGINT NOT NULL DEFAULT 0,
  problem     TEXT,
  dead        BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX entry_key ON entry(key);
CREATE INDEX entry_store      ON entry(store);
CREATE INDEX entry_resource   ON entry(resource) WHERE resource <> '';
CREATE INDEX entry_dead       ON entry(id)       WHERE dead = 1;

CREATE TABLE body (
  entry    BIGINT PRIMARY KEY,
  headers  BYTEA  NOT NULL,
  body     BYTEA  NOT NULL,
  resource BYTEA,
  sealed   BIGINT NOT NULL DEFAULT 0
);

-- Rows change a few times soon after they are written: there is room for that on their page.
CREATE TABLE delivery (
  entry      BIGINT NOT NULL,
  endpoint   TEXT   COLLATE "C" NOT NULL,
  lane       BYTEA  NOT NULL,
  target     TEXT   COLLATE "C" NOT NULL,
  store      TEXT   COLLATE "C" NOT NULL,
  stamp      BIGINT NOT NULL,
  tie        BIGINT NOT NULL,
  print      BYTEA,
  park       BIGINT NOT NULL,
  state      TEXT   NOT NULL,
  token      BIGINT NOT NULL DEFAULT 0,
  attempts   BIGINT NOT NULL DEFAULT 0,
  next_at    BIGINT,
  until      BIGINT NOT NULL,
  unsure     BIGINT NOT NULL DEFAULT 0,
  reason     TEXT   NOT NULL DEFAULT '',
  settled_at BIGINT,
  PRIMARY KEY (entry, endpoint)
) WITH (fillfactor = 80);
CREATE INDEX delivery_due  ON delivery(target, store, next_at)  WHERE state = 'queued';
CREATE INDEX delivery_lane ON delivery(lane, stamp, tie, entry) WHERE state = 'queued';
CREATE INDEX delivery_dead ON delivery(entry)                   WHERE state IN ('refused', 'failed');

CREATE TABLE cause (
  entry    BIGINT NOT NULL,
  endpoint TEXT   COLLATE "C" NOT NULL,
  place    BIGINT NOT NULL,
  stage    TEXT   NOT NULL,
  code     TEXT   NOT NULL,
  file     TEXT   NOT NULL DEFAULT '',
  line     BIGINT NOT NULL DEFAULT 0,
  field    TEXT   NOT NULL DEFAULT '',
  PRIMARY KEY (entry, endpoint, place)
);

CREATE TABLE lane (
  lane       BYTEA  PRIMARY KEY,
  token      BIGINT NOT NULL DEFAULT 0,
  holder     BIGINT,
  flying     BIGINT,
  mark_stamp BIGINT, mark_tie BIGINT, mark_entry BIGINT,
  done_stamp BIGINT, done_tie BIGINT, done_entry BIGINT,
  done_print BYTEA,
  dirty      BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX lane_held  ON lane(holder) WHERE holder IS NOT NULL;
CREATE INDEX lane_dirty ON lane(lane)   WHERE dirty = 1;
