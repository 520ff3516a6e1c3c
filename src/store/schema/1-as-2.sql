-- A store of the first version, looked at as one of the second: what the later
-- one added stands before the tables, for this connection alone.
CREATE TEMP VIEW open_window AS SELECT *, NULL AS earlier FROM main.open_window;
CREATE TEMP VIEW rule AS SELECT *, 0 AS open, 32 AS ipv4_prefix, 128 AS ipv6_prefix FROM main.rule;
CREATE TEMP VIEW generation AS SELECT *, 0 AS left, 0 AS known_until, 0 AS counts_from FROM main.generation;
CREATE TEMP VIEW journal AS SELECT *, 0 AS left FROM main.journal;
CREATE TEMP TABLE connection (address, rule, newest, connections);
CREATE TEMP TABLE path (id INTEGER PRIMARY KEY, path);
CREATE TEMP TABLE last_good (path PRIMARY KEY, ignored);
CREATE TEMP VIEW ban AS SELECT *, NULL AS count, 0 AS aggregates FROM main.ban;
CREATE TEMP VIEW untold AS SELECT *, 0 AS returns FROM main.untold;
CREATE TEMP TABLE covered (ip PRIMARY KEY);
CREATE TEMP TABLE candidate (rule, subject, at);
CREATE TEMP TABLE heard_networks (store PRIMARY KEY, number, at);
