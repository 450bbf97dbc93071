-- Everything of a user lives in the user's slot: photos, their bytes, likes and comments with the photo's owner; whom one
-- follows with the follower; who follows with the followed. So each transaction stays inside one slot.
-- Text is compared by bytes (COLLATE "C"): ids sort by time, and the order is the same on every machine.

-- Who has a name. Its own sharding key, so that a name is taken once in the whole system.
CREATE TABLE names (
  name_key   text COLLATE "C" NOT NULL,
  name       text NOT NULL,
  user_id    text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (name_key)
) PARTITION BY HASH (name_key);

CREATE TABLE users (
  user_id         text COLLATE "C" NOT NULL,
  name            text NOT NULL,
  follower_count  integer NOT NULL DEFAULT 0,
  following_count integer NOT NULL DEFAULT 0,
  photo_count     integer NOT NULL DEFAULT 0,
  tips_cents      bigint NOT NULL DEFAULT 0,
  is_celebrity    boolean NOT NULL DEFAULT false,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id)
) PARTITION BY HASH (user_id);
-- "People to follow": the most followed of every slot.
CREATE INDEX users_by_followers ON users (follower_count DESC, user_id DESC);

CREATE TABLE photos (
  user_id       text COLLATE "C" NOT NULL,
  photo_id      text COLLATE "C" NOT NULL,
  user_name     text NOT NULL,
  caption       text NOT NULL,
  status        text NOT NULL CHECK (status IN ('processing', 'ready', 'failed')),
  version       text,
  width         integer,
  height        integer,
  like_count    integer NOT NULL DEFAULT 0,
  comment_count integer NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, photo_id)
) PARTITION BY HASH (user_id);
-- "Popular" reads the last day. The count itself stays out of every index, so that a like is a cheap (HOT) update.
CREATE INDEX photos_by_time ON photos (created_at);

-- Bytes are compressed pictures already: kept out of line and not compressed again.
CREATE TABLE photo_files (
  user_id      text COLLATE "C" NOT NULL,
  photo_id     text COLLATE "C" NOT NULL,
  kind         text COLLATE "C" NOT NULL CHECK (kind IN ('original', '256', '1024')),
  version      text COLLATE "C" NOT NULL,
  content_type text NOT NULL,
  bytes        bytea STORAGE EXTERNAL NOT NULL,
  PRIMARY KEY (user_id, photo_id, kind)
) PARTITION BY HASH (user_id);

CREATE TABLE likes (
  user_id    text COLLATE "C" NOT NULL,
  photo_id   text COLLATE "C" NOT NULL,
  liker_id   text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, photo_id, liker_id)
) PARTITION BY HASH (user_id);

CREATE TABLE comments (
  user_id     text COLLATE "C" NOT NULL,
  photo_id    text COLLATE "C" NOT NULL,
  comment_id  text COLLATE "C" NOT NULL,
  author_id   text COLLATE "C" NOT NULL,
  author_name text NOT NULL,
  text        text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, photo_id, comment_id)
) PARTITION BY HASH (user_id);

-- Whom a user follows. is_pulled: a celebrity, whose photos are read when the feed is, not pushed into it.
CREATE TABLE following (
  user_id     text COLLATE "C" NOT NULL,
  followee_id text COLLATE "C" NOT NULL,
  is_pulled   boolean NOT NULL DEFAULT false,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, followee_id)
) PARTITION BY HASH (user_id);
CREATE INDEX following_pulled ON following (user_id, followee_id) WHERE is_pulled;

-- Who follows a user: the same fact on the other side, written by a job.
CREATE TABLE followers (
  user_id     text COLLATE "C" NOT NULL,
  follower_id text COLLATE "C" NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, follower_id)
) PARTITION BY HASH (user_id);

-- The read model of a feed: photos that jobs pushed to this reader.
CREATE TABLE feed (
  user_id  text COLLATE "C" NOT NULL,
  photo_id text COLLATE "C" NOT NULL,
  owner_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (user_id, photo_id)
) PARTITION BY HASH (user_id);

-- A tip as its giver knows it, and as its receiver does (written by a job).
CREATE TABLE tips (
  user_id    text COLLATE "C" NOT NULL,
  tip_id     text COLLATE "C" NOT NULL,
  to_user_id text COLLATE "C" NOT NULL,
  cents      integer NOT NULL CHECK (cents > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, tip_id)
) PARTITION BY HASH (user_id);

CREATE TABLE tips_received (
  user_id      text COLLATE "C" NOT NULL,
  tip_id       text COLLATE "C" NOT NULL,
  from_user_id text COLLATE "C" NOT NULL,
  cents        integer NOT NULL CHECK (cents > 0),
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, tip_id)
) PARTITION BY HASH (user_id);
