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
