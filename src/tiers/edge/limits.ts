// Every bound of the edge that is not a setting.

/** Fetches at once that others may join; with more, requests pass on one by one, and the balancer has its own limits. */
export const fetchesMax = 4_096

/** Requests that wait for one fetch; more is answered 503. */
export const waitersMax = 10_000

/** A request that waited for an answer which turned out not to be for it is asked anew as often, then passed on. */
export const attemptsMax = 3

/** Of a body on its way as much is held for those who read it slowly. Who falls back further goes on from the store. */
export const windowBytesMax = 1024 * 1024

/** A server is read no further ahead of the fastest client than this, while somebody waits. */
export const aheadBytesMax = 256 * 1024

/** How long requests for what was not kept go on without waiting for each other. */
export const passingMs = 10_000
export const passingAfterErrorMs = 1_000

/** How long nobody is asked again about what is stale when no server answered. */
export const failingMs = 2_000

/** How long a front may take to hear from another that something was changed; for so long it is not asked about it. */
export const changedMs = 2_000

/** Keys of which one of these is remembered. */
export const marksMax = 50_000

/** An error's body that nobody wants is read to its end up to this, so that the connection can be used again. */
export const discardedBytesMax = 64 * 1024

/** Of a body on disk as much is read at once. */
export const diskPieceBytes = 256 * 1024

/** What is known of answers, wherever they are. */
export const objectsMax = 1_000_000
