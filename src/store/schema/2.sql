-- How many bytes of a generation the last run left because its time for reading
-- was used up.
ALTER TABLE generation ADD COLUMN left INTEGER NOT NULL DEFAULT 0;

-- Whether the last run left entries of a journal for that reason.
ALTER TABLE journal ADD COLUMN left INTEGER NOT NULL DEFAULT 0;
-- A window may have a second one beside it, for earlier stamps.
ALTER TABLE open_window ADD COLUMN earlier BLOB;

-- How many open windows a rule has.
ALTER TABLE rule ADD COLUMN open INTEGER NOT NULL DEFAULT 0;

-- The connections of each address to which further lines may belong. As with the
-- windows there may be a million.
CREATE TABLE connection (
  address     BLOB NOT NULL,              -- its 4 or 16 bytes
  rule        TEXT NOT NULL,
  newest      INTEGER NOT NULL,           -- the stamp of the last of their lines
  connections BLOB NOT NULL,
  PRIMARY KEY (address, rule)
) WITHOUT ROWID;

-- The paths of the logs that failures are kept of, each once: `failures`,
-- `earlier` and `witnesses` have their ids.
CREATE TABLE path (
  id   INTEGER PRIMARY KEY,
  path BLOB NOT NULL
);

-- Rows of the first version hold their texts and paths: they are rewritten by
-- and by.
INSERT INTO meta SELECT 'upgrade', 'windows'
  WHERE EXISTS (SELECT 1 FROM open_window) OR EXISTS (SELECT 1 FROM ban WHERE witnesses IS NOT NULL);


-- What each file of conf.d kept from being banned when it was last read whole:
-- addresses and networks, one a line. It holds while the file can not be used.
CREATE TABLE last_good (
  path    BLOB PRIMARY KEY,
  ignored TEXT NOT NULL
) WITHOUT ROWID;

-- With "first_contact": "end": lines of this generation before this byte whose
-- stamps lie before these Unix seconds do not count.
ALTER TABLE generation ADD COLUMN known_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generation ADD COLUMN counts_from INTEGER NOT NULL DEFAULT 0;

-- Which ban of its subject under its rule a ban from a log is, counted from 1.
ALTER TABLE ban ADD COLUMN count INTEGER;

-- How many banned subjects within a network led to its ban; 0 for any other ban.
ALTER TABLE ban ADD COLUMN aggregates INTEGER NOT NULL DEFAULT 0;

-- How many leading bits of addresses the windows and connections of a rule are of.
ALTER TABLE rule ADD COLUMN ipv4_prefix INTEGER NOT NULL DEFAULT 32;
ALTER TABLE rule ADD COLUMN ipv6_prefix INTEGER NOT NULL DEFAULT 128;

-- The subjects with bans that are not lifted, and that the ban of a wider network
-- covers: they have no row in banned_ip.
CREATE TABLE covered (
  ip TEXT PRIMARY KEY
) WITHOUT ROWID;

-- Bans by aggregation are few.
CREATE INDEX ban_by_aggregation ON ban (rule) WHERE aggregates > 0;

-- The networks among addresses are few, and looked up all at once.
CREATE INDEX banned_network ON banned_ip (ip) WHERE instr(ip, '/');
CREATE INDEX cleared_network ON cleared (ip) WHERE instr(ip, '/');

-- Whether a ban that is still to be told was told before, and is in force again.
ALTER TABLE untold ADD COLUMN returns INTEGER NOT NULL DEFAULT 0;

-- The subjects whose bans count for the ban of a network around them, each with the
-- time of its last ban.
CREATE TABLE candidate (
  rule    TEXT NOT NULL,
  subject BLOB NOT NULL,                  -- the bytes of its first address, and its length
  at      INTEGER NOT NULL,
  PRIMARY KEY (rule, subject)
) WITHOUT ROWID;

-- How far the numbers of each other server's store have come in the stream of networks;
-- `heard` has those in the stream of addresses.
CREATE TABLE heard_networks (
  store  TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  at     INTEGER NOT NULL                 -- when it was last heard of
) WITHOUT ROWID;
