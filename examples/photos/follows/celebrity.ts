// Who is a celebrity. Photos of ordinary users are pushed into the feeds of their followers: one row each, cheap to read. With many
// followers that is too much writing for one photo, so from here on followers fetch (pull) the photos when they read.

/**
 * Low, so that a small seeded system has some; a real network would choose thousands. Nobody loses followers here, so that a
 * celebrity stays one.
 */
export const celebrityFollowersMin = 100
