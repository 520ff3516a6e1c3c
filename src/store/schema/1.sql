-- Stamps are Unix seconds, with nanoseconds and the digits of the fraction
-- the log had. Addresses are canonical text. Paths are bytes.

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value NOT NULL
) WITHOUT ROWID;
INSERT INTO meta VALUES ('id', lower(hex(randomblob(8)))), ('number', 0), ('applied', 0);

-- The generations of each log, and how far they were read.
CREATE TABLE generation (
  rule        TEXT NOT NULL,
  log         BLOB NOT NULL,              -- where the log is written
  sequence    INTEGER NOT NULL,
  path        BLOB NOT NULL,              -- where the generation stood
  device      INTEGER NOT NULL,
  inode       INTEGER NOT NULL,
  size        INTEGER NOT NULL,
  modified    INTEGER NOT NULL,           -- nanoseconds
  changed     INTEGER NOT NULL,           -- nanoseconds
  offset      INTEGER NOT NULL,
  head        BLOB NOT NULL,
  tail_length INTEGER NOT NULL,
  tail_hash   INTEGER NOT NULL,
  live        INTEGER NOT NULL,
  kind        TEXT NOT NULL,
  seen        INTEGER NOT NULL,           -- the day a run last met it
  PRIMARY KEY (rule, log, sequence)
) WITHOUT ROWID;

-- How far each journal was read.
CREATE TABLE journal (
  rule   TEXT NOT NULL,
  name   TEXT NOT NULL,
  cursor TEXT NOT NULL,
  seen   INTEGER NOT NULL,                -- the day a run last read of it
  PRIMARY KEY (rule, name)
) WITHOUT ROWID;

-- How far each rule's logs have come.
CREATE TABLE rule (
  name   TEXT PRIMARY KEY,
  newest INTEGER NOT NULL,                -- the newest stamp read
  swept  INTEGER NOT NULL                 -- the stamp at which old windows were last forgotten
) WITHOUT ROWID;

-- The open windows, each with its failures. There may be a million: the key is
-- short, and in the order of the addresses.
CREATE TABLE open_window (
  address  BLOB NOT NULL,                 -- its 4 or 16 bytes
  rule     TEXT NOT NULL,
  newest   INTEGER NOT NULL,              -- when the last of its failures counts
  failures BLOB NOT NULL,
  PRIMARY KEY (address, rule)
) WITHOUT ROWID;

-- Every ban, in force while it was not lifted.
CREATE TABLE ban (
  id       INTEGER PRIMARY KEY,
  ip       TEXT NOT NULL,
  rule     TEXT,
  server   TEXT NOT NULL,
  at       INTEGER NOT NULL,
  nanos    INTEGER NOT NULL,
  digits   INTEGER NOT NULL,
  ends     INTEGER,
  failures INTEGER NOT NULL,
  instant  INTEGER NOT NULL,
  origin   TEXT NOT NULL,
  reason   TEXT NOT NULL,
  country  TEXT NOT NULL,                 -- the name, or empty
  country_code TEXT NOT NULL,             -- its two letters, or empty
  lifted   INTEGER,
  cause    TEXT,
  witnesses BLOB                          -- the failures that filled its window
);
CREATE INDEX ban_by_address ON ban (ip, rule);
CREATE INDEX ban_by_end ON ban (ends) WHERE lifted IS NULL AND ends IS NOT NULL;
CREATE INDEX ban_by_lifting ON ban (lifted) WHERE lifted IS NOT NULL;

-- Until when the failures of an address never count: it was un-banned then.
CREATE TABLE cleared (
  ip TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) WITHOUT ROWID;

-- PyFilter's table, which PyFilter-Admin reads: a row for each address in force.
CREATE TABLE banned_ip (
  id INTEGER PRIMARY KEY, ip text, time_banned integer, server_name text, log_msg text, country text
);
CREATE UNIQUE INDEX banned_ip_by_address ON banned_ip (ip);

-- How the set of banned addresses came to its number.
CREATE TABLE change (
  number INTEGER NOT NULL,
  ip     TEXT NOT NULL,
  added  INTEGER NOT NULL,
  PRIMARY KEY (number, ip)
) WITHOUT ROWID;

-- What a commit still owes: lines on the screen and in the event log.
CREATE TABLE untold (
  id    INTEGER PRIMARY KEY,
  ban   INTEGER,                          -- a new ban, or
  ip    TEXT,                             -- an address that was un-banned,
  cause TEXT,                             -- why,
  at    INTEGER                           -- and when
);

-- The chain and the hooks that were made, to be removed when others are named.
CREATE TABLE made (
  chain TEXT NOT NULL,
  hook  TEXT NOT NULL,
  PRIMARY KEY (chain, hook)
) WITHOUT ROWID;

-- What is still to be sent to the other servers, in the order of its numbers,
-- which are never given twice. Whom a ban is of is NULL for an un-ban.
CREATE TABLE outbox (
  number  INTEGER PRIMARY KEY AUTOINCREMENT,
  ip      TEXT NOT NULL,
  at      INTEGER NOT NULL,
  server  TEXT,
  ends    INTEGER,
  reason  TEXT NOT NULL,
  country TEXT NOT NULL,
  longer  INTEGER NOT NULL                -- the others have the ban, with an earlier end
);
CREATE INDEX outbox_by_address ON outbox (ip);

-- How bans in force stand in Redis.
CREATE TABLE stood (
  ip     TEXT NOT NULL,
  server TEXT NOT NULL,
  text   TEXT NOT NULL,
  key    TEXT NOT NULL,
  PRIMARY KEY (ip, server, text)
) WITHOUT ROWID;

-- How bans stood there that were lifted: these are never taken over again.
CREATE TABLE lifted (
  ip     TEXT NOT NULL,
  server TEXT NOT NULL,
  text   TEXT NOT NULL,
  key    TEXT NOT NULL,
  at     INTEGER NOT NULL,                -- when it was lifted
  until  INTEGER,                         -- for a ban that ended by itself: remembered until then
  PRIMARY KEY (ip, server, text)
) WITHOUT ROWID;
CREATE INDEX lifted_by_end ON lifted (until) WHERE until IS NOT NULL;

-- How far the numbers of each other server's store have come.
CREATE TABLE heard (
  store  TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  at     INTEGER NOT NULL                 -- when it was last heard of
) WITHOUT ROWID;

-- Entries in Redis that were reported, by a hash of what was said.
CREATE TABLE odd (
  hash INTEGER PRIMARY KEY,
  at   INTEGER NOT NULL                   -- when it was reported
);
