-- What jobs have done. asked: published in this transaction. effects: one row for each run. once: one row for each job, and with
-- it one more in counters, which shows whether something that is done once by a key is counted once.
CREATE TABLE asked (
  owner text COLLATE "C" NOT NULL,
  n     integer NOT NULL,
  PRIMARY KEY (owner, n)
) PARTITION BY HASH (owner);

CREATE TABLE effects (
  owner text COLLATE "C" NOT NULL,
  run   text COLLATE "C" NOT NULL,
  n     integer NOT NULL,
  PRIMARY KEY (owner, run)
) PARTITION BY HASH (owner);

CREATE TABLE once (
  owner text COLLATE "C" NOT NULL,
  n     integer NOT NULL,
  PRIMARY KEY (owner, n)
) PARTITION BY HASH (owner);

CREATE TABLE counters (
  owner text COLLATE "C" NOT NULL,
  n     integer NOT NULL,
  PRIMARY KEY (owner)
) PARTITION BY HASH (owner);
