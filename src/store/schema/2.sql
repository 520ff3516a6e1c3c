-- How many bytes of a generation the last run left because its time for reading
-- was used up.
ALTER TABLE generation ADD COLUMN left INTEGER NOT NULL DEFAULT 0;

-- Whether the last run left entries of a journal for that reason.
ALTER TABLE journal ADD COLUMN left INTEGER NOT NULL DEFAULT 0;
