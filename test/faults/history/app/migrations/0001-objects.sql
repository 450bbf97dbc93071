-- Objects whose correctness can be told from outside. An element is the number of the operation that wrote it. No unique
-- key on elements, on purpose: a write that happened twice must be there twice, and not be refused.

-- A session has one set and one counter, both named by its user.
CREATE TABLE set_elements (
  owner   text COLLATE "C" NOT NULL,
  row_id  uuid NOT NULL DEFAULT uuidv7(),
  element integer NOT NULL,
  PRIMARY KEY (owner, row_id)
) PARTITION BY HASH (owner);

CREATE TABLE counters (
  owner text COLLATE "C" NOT NULL,
  value integer NOT NULL,
  PRIMARY KEY (owner)
) PARTITION BY HASH (owner);

-- Accounts begin at 0 and may be overdrawn: a bank's balances always add up to 0.
CREATE TABLE accounts (
  bank    text COLLATE "C" NOT NULL,
  account integer NOT NULL,
  balance integer NOT NULL,
  PRIMARY KEY (bank, account)
) PARTITION BY HASH (bank);

CREATE TABLE transfers (
  bank    text COLLATE "C" NOT NULL,
  row_id  uuid NOT NULL DEFAULT uuidv7(),
  element integer NOT NULL,
  PRIMARY KEY (bank, row_id)
) PARTITION BY HASH (bank);

CREATE TABLE lists (
  list     text COLLATE "C" NOT NULL,
  elements integer[] NOT NULL,
  PRIMARY KEY (list)
) PARTITION BY HASH (list);
