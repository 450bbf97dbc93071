// What an engine may be without, each with a name, so that what it lacks is said where its suite is called and in its README.

export const capabilities = [
  'latency-aware', // p2c knows how fast servers answer, not only how busy they are
  'panic-share', // checks are not believed when too few pass; all engines ask somebody when none is up
  'line-time-exact', // who waits leaves the line within half a second of its time-out
  'own-answers', // answers of its own are JSON with a code, and say `outcome-unknown` where it is
] as const

export type Capability = (typeof capabilities)[number]
