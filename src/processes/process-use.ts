// What this process has used since its start. Sums, not rates: whoever asks takes the difference between two of its own
// looks, so that any number may ask, and a new supervisor begins with its first.

import { availableParallelism } from 'node:os'
import { performance } from 'node:perf_hooks'

export interface ProcessUse {
  /** The event loop had work; together with `idleMs` the time that passed. */
  activeMs: number
  /** It waited for something to happen. */
  idleMs: number
  /** Of all its threads: those that compress, hash and collect garbage too. */
  cpuMs: number
  /** How many it may keep busy at once. */
  cores: number
}

const cores = availableParallelism()

export function processUse(): ProcessUse {
  const { active, idle } = performance.eventLoopUtilization()
  const { user, system } = process.cpuUsage()
  return { activeMs: active, idleMs: idle, cpuMs: (user + system) / 1000, cores }
}
