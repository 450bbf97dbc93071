// The package's subpath tenfold/testing: the suite of each tier, to be called by the test of every engine.

export { type CacheConformance, cacheConformance } from './tiers/cache/conformance.ts'
export { type QueueConformance, queueConformance } from './tiers/queue/conformance.ts'
export { type StreamConformance, streamConformance } from './tiers/queue/streams/conformance.ts'
export { type SessionConformance, sessionConformance } from './tiers/session/conformance.ts'
