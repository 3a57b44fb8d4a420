-- The journal's tables on SQLite.
--
-- Times are integer milliseconds since 1970 on the journal's clock, stamps are integer
-- microseconds.  Why there are marks, tokens and beats: the operator's guide, chapter
-- "How deliveries are kept apart".

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value NOT NULL
) WITHOUT ROWID;

-- Short numbers for the names that begin every key and every lane.
CREATE TABLE name (
  kind   TEXT    NOT NULL,  -- 'store' (accounts too) or 'endpoint'
  name   TEXT    NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;

-- One life of one process.  Numbers are never used again.
CREATE TABLE worker (
  id   INTEGER PRIMARY KEY AUTOINCREMENT,
  host TEXT    NOT NULL,
  beat INTEGER NOT NULL DEFAULT 0,  -- a counter and no time, so that no two clocks are compared
  gone INTEGER NOT NULL DEFAULT 0
);

-- One webhook.
CREATE TABLE entry (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of arrival: the last tie-break
  key         BLOB    NOT NULL,
  store       TEXT    NOT NULL,
  topic       TEXT    NOT NULL,
  event_type  TEXT,
  resource    TEXT    NOT NULL,            -- the order's or customer's id, for people
  subject     BLOB,                        -- keyed hash of the customer, for purges
  received_at INTEGER NOT NULL,            -- microseconds, exactly as the mapping saw it
  recorded_at INTEGER NOT NULL,
  horizon     INTEGER NOT NULL,            -- milliseconds
  copies      INTEGER NOT NULL DEFAULT 0,
  problem     TEXT,                        -- why there are no deliveries
  dead        INTEGER NOT NULL DEFAULT 0   -- the problem needs a person
);
CREATE UNIQUE INDEX entry_key ON entry(key);
CREATE INDEX entry_store      ON entry(store);
CREATE INDEX entry_resource   ON entry(resource) WHERE resource <> '';
CREATE INDEX entry_dead       ON entry(id)       WHERE dead = 1;

-- Apart from the entry, so that it can go early and cheaply.
CREATE TABLE body (
  entry    INTEGER PRIMARY KEY,
  headers  BLOB NOT NULL,
  body     BLOB NOT NULL,
  resource BLOB                            -- what was fetched from the store
);

-- One entry at one endpoint.
CREATE TABLE delivery (
  entry      INTEGER NOT NULL,
  endpoint   TEXT    NOT NULL,
  lane       BLOB    NOT NULL,
  target     TEXT    NOT NULL,
  store      TEXT    NOT NULL,
  stamp      INTEGER NOT NULL,             -- the version is (stamp, tie, entry)
  tie        INTEGER NOT NULL,
  print      BLOB,
  park       INTEGER NOT NULL,             -- ours to finish; else the store's to repeat
  state      TEXT    NOT NULL,
  token      INTEGER NOT NULL DEFAULT 0,   -- the lane's token of the running or last attempt
  attempts   INTEGER NOT NULL DEFAULT 0,
  next_at    INTEGER,                      -- NULL while queued: waits for the store's repeat
  until      INTEGER NOT NULL,
  unsure     INTEGER NOT NULL DEFAULT 0,   -- some attempt may have been accepted
  reason     TEXT    NOT NULL DEFAULT '',
  settled_at INTEGER,
  PRIMARY KEY (entry, endpoint)
) WITHOUT ROWID;
-- The settled millions are in none of these.
CREATE INDEX delivery_due  ON delivery(target, store, next_at)  WHERE state = 'queued';
CREATE INDEX delivery_lane ON delivery(lane, stamp, tie, entry) WHERE state = 'queued';
CREATE INDEX delivery_dead ON delivery(entry)                   WHERE state IN ('refused', 'failed');

-- One thing at one endpoint.
CREATE TABLE lane (
  lane       BLOB    PRIMARY KEY,
  token      INTEGER NOT NULL DEFAULT 0,
  holder     INTEGER,                      -- worker.id; NULL: free
  flying     INTEGER,                      -- the entry under way
  mark_stamp INTEGER, mark_tie INTEGER, mark_entry INTEGER,  -- newest that may have been accepted
  done_stamp INTEGER, done_tie INTEGER, done_entry INTEGER,  -- newest that surely was
  done_print BLOB,                         -- fingerprint of what the destination shows
  dirty      INTEGER NOT NULL DEFAULT 0    -- somebody may have written over what is done
) WITHOUT ROWID;
CREATE INDEX lane_held  ON lane(holder) WHERE holder IS NOT NULL;
CREATE INDEX lane_dirty ON lane(lane)   WHERE dirty = 1;
