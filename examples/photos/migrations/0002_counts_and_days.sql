-- Likes that photos.like_count does not hold yet: a job counts them many at once, and takes them out in the same transaction.
-- So no like waits for another one of the same photo, and count + rows here is exact at every moment.
CREATE TABLE likes_uncounted (
  user_id  text COLLATE "C" NOT NULL,
  photo_id text COLLATE "C" NOT NULL,
  liker_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (user_id, photo_id, liker_id)
) PARTITION BY HASH (user_id);

-- What was liked most on a day that is over, written by the nightly job. A photo that changes later keeps its place of that night.
CREATE TABLE days (
  day      text COLLATE "C" NOT NULL,
  place    integer NOT NULL,
  owner_id text COLLATE "C" NOT NULL,
  photo_id text COLLATE "C" NOT NULL,
  likes    integer NOT NULL,
  PRIMARY KEY (day, place)
) PARTITION BY HASH (day);
