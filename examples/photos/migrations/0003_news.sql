-- What others did that concerns a user, the newest hundred: read from the stream of events, and written once by each one's position.
CREATE TABLE news (
  user_id  text COLLATE "C" NOT NULL,
  at       timestamptz NOT NULL,
  position text COLLATE "C" NOT NULL,
  kind     text NOT NULL,
  by_id    text COLLATE "C" NOT NULL,
  by_name  text NOT NULL,
  photo_id text COLLATE "C",
  PRIMARY KEY (user_id, at, position)
) PARTITION BY HASH (user_id);
