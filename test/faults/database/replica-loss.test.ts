// Replicas die and lag under load: no request fails, a new one follows, and nobody reads behind their own writes, on whatever
// web server they ask.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import { waitUntil } from '../../../src/base/limits.ts'
import type { RunningSystem } from '../../running-system.ts'
import type { Mix } from '../history/load/mix.ts'
import { RecordedLoad } from '../history/recorded-load.ts'
import { scansOn } from './ask-directly.ts'
import { nowMs, replicasOf, rounds, upReplicated, waitWhole } from './replicated-system.ts'
import { signalServer } from './server-processes.ts'
import { showSupervisorLogOfFailures } from './supervisor-log.ts'

const calmMs = 1000
/** Reads that must see their session's own writes: 20,000 for the record. */
const readsMin = Number(process.env['TENFOLD_FAULT_READS'] ?? 3000)
/** So many sessions that most of them have not written for two seconds: the slow replica has what they know. */
const sessionsMin = 2500
const ratePerSecond = 500
const mostlyReads: Mix = {
  ...{ 'read set': 40, 'read counter': 20, 'read list': 15 },
  ...{ 'write set': 10, 'write counter': 10, 'write list': 5 },
}
/** Of all operations, joins included. */
const readShareMin = 0.6
/** PostgreSQL counts what it did with a delay of at most a second. */
const countDelayMs = 1100
const askedTimeoutMs = 30_000

let system: RunningSystem

before(async () => {
  system = await upReplicated()
})

showSupervisorLogOfFailures(() => system)

after(() => system?.down())

test('kill -9 of a replica: no request fails and a new one follows', async (t) => {
  await using load = await RecordedLoad.start(system)
  for (let round = 0; round < rounds; round++) {
    await systemClock.sleep(calmMs)
    const replicas = replicasOf(await waitWhole(system))
    const victim = replicas[round % replicas.length]
    assert.ok(victim)
    const killedAtMs = nowMs()
    signalServer(victim.pid, 'SIGKILL', 'all')
    await system.waitStatus('its death seen', ({ nodes }) => nodes.every(({ pid }) => pid !== victim.pid))
    await waitWhole(system)
    t.diagnostic(`${victim.id}: another one followed after ${(nowMs() - killedAtMs).toFixed(0)} ms`)
  }
  const verdict = await load.end(t)
  verdict.assertHolds()
  verdict.assertNoneFailed()
})

test(`read your own writes on any web server, a replica two seconds behind among them: ${readsMin} reads`, async (t) => {
  const [slow, fast] = replicasOf(await waitWhole(system))
  assert.ok(slow && fast)
  await system.tenfold('fault', 'slow', slow.id)
  const before = await Promise.all([slow, fast].map((node) => scansOn(system, node)))
  await using load = await RecordedLoad.start(system, { ratePerSecond, sessionsMin, mix: mostlyReads })
  const joiningMs = (sessionsMin / ratePerSecond) * 1000
  await systemClock.sleep(joiningMs + (readsMin / readShareMin / ratePerSecond) * 1000)
  // It can answer only who has written nothing for two seconds.
  const wasAsked = async () => (await scansOn(system, slow)) > (before[0] ?? 0)
  const asked = { what: 'a read that the slow replica answers', timeoutMs: askedTimeoutMs, intervalMs: countDelayMs }
  await waitUntil(wasAsked, asked).catch(() => {}) // told below
  const verdict = await load.end(t)
  await systemClock.sleep(countDelayMs)
  const reads = verdict.history.filter(({ access, outcome }) => access === 'read' && outcome === 'ok').length
  const after = await Promise.all([slow, fast].map((node) => scansOn(system, node)))
  const [bySlow = 0, byFast = 0] = after.map((count, index) => count - (before[index] ?? 0))
  t.diagnostic(`${reads} reads; the slow replica answered about ${bySlow} of them, the other one ${byFast}`)
  await system.tenfold('fault', 'resume', slow.id)
  verdict.assertHolds()
  verdict.assertNoneFailed()
  assert.ok(reads >= readsMin, `only ${reads} reads`)
  assert.ok(bySlow > 0 && byFast > 0, 'a replica was never asked: nothing was tested')
})
