// Bounds of the store that nobody needs to set.

/** An answer may take this share of the memory and no more, or a few would push out all others. */
export const memoryObjectShareMax = 1 / 8

/** With a disk, larger bodies stay there and go out in pieces: to read and check one whole would hold up all other requests. */
export const wholeFromDiskBytesMax = 4 * 1024 * 1024

/** All answers that are being received take at most this share of the memory. */
export const receivingShareMax = 1 / 4

/** What is known of answers whose bodies are on disk takes at most this share of the memory. */
export const headsOfDiskShareMax = 1 / 2

/** Answers under one key; more, and the oldest goes. A server that varies by everything fills one key, not the cache. */
export const variantsMax = 64

/** An answer with more tags is not kept: a purge by one that was left out would miss it. */
export const tagsMax = 256

/** Purges that are remembered for the answers that were on their way; with more, what was on its way is not kept. */
export const purgesRememberedMax = 1024

/** Folders of a path that purge by prefix knows apart; what lies deeper is looked through. */
export const foldersMax = 8

/** Keys that eviction remembers after it threw out their answers. */
export const ghostsMax = 65_536

/** At a start, answers on disk are looked for this long before the first request; the rest is found meanwhile. */
export const scanWaitMs = 1000
