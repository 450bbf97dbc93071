// Two failures, one after the other, cost waiting and never a write: the word of a replica that is about to be replaced counts
// until another one has what it acknowledged.

import { after, before, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import type { RunningSystem } from '../../running-system.ts'
import { RecordedLoad } from '../history/recorded-load.ts'
import { primaryOf, replicasOf, upReplicated, waitWhole } from './replicated-system.ts'
import { signalServer } from './server-processes.ts'
import { showSupervisorLogOfFailures } from './supervisor-log.ts'

/** Most writes wait meanwhile, and each of them takes a place. */
const ratePerSecond = 40
const aloneMs = 1500

let system: RunningSystem

before(async () => {
  system = await upReplicated()
})

showSupervisorLogOfFailures(() => system)

after(() => system?.down())

test('what only a hanging replica acknowledged survives its replacement and the death of the primary', async (t) => {
  await using load = await RecordedLoad.start(system, { ratePerSecond })
  const status = await waitWhole(system)
  const [behind, ahead] = replicasOf(status).map(({ id }) => id) as [string, string]
  await system.tenfold('fault', 'cut', behind)
  await systemClock.sleep(aloneMs) // acknowledged by the other one alone
  await system.tenfold('fault', 'pause', ahead)
  await system.waitStatus('the replacement of the one that hangs', ({ nodes }) =>
    nodes.some(({ id, diverged }) => id === ahead && diverged === true),
  )
  signalServer(primaryOf(status).pid, 'SIGKILL', 'all')
  await system.waitStatus('a primary that serves', ({ nodes, shards }) => {
    const primary = nodes.find(({ id }) => id === shards[0]?.primary)
    return primary?.state === 'ready' && primary.pid !== primaryOf(status).pid
  })
  await system.tenfold('fault', 'resume', behind)
  await waitWhole(system)
  const verdict = await load.end(t)
  verdict.assertHolds()
})
