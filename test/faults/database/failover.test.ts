// The primary dies, or hangs, under load. Every acknowledged write is there, once; reads go on; whoever may
// wait waits, and only a write without a key may end unknown. Times are reported: TENFOLD_FAULT_ROUNDS=20 for the record.

import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import type { RunningSystem } from '../../running-system.ts'
import { writableAgainMs } from '../history/figures.ts'
import { RecordedLoad, type Verdict } from '../history/recorded-load.ts'
import { askDirectly } from './ask-directly.ts'
import { nowMs, primaryOf, replicasOf, rounds, upReplicated, waitWhole } from './replicated-system.ts'
import { signalEach, signalServer } from './server-processes.ts'
import { showSupervisorLogOfFailures } from './supervisor-log.ts'

const calmMs = 1000
/** How long an awakened primary is asked. */
const watchMs = 2000
const failoverTimeoutMs = 30_000
/** Of each kind of stop: beside other tests one shows as much as three. */
const stopRounds = rounds > 3 ? rounds : 1
/** Moments of a failover at which the supervisor is killed, after the primary's death. */
const strokesMs = [0, 100, 400]

let system: RunningSystem

before(async () => {
  system = await upReplicated()
})

showSupervisorLogOfFailures(() => system)

after(() => system?.down())

test('kill -9 of the primary: nothing acknowledged is lost or doubled, no read fails', async (t) => {
  await using load = await RecordedLoad.start(system)
  const killedAtMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    await systemClock.sleep(calmMs)
    const primary = primaryOf(await waitWhole(system))
    killedAtMs.push(nowMs())
    // Without its children, which then see it themselves; and all at once, as when a machine goes.
    signalServer(primary.pid, 'SIGKILL', round % 2 === 0 ? 'postmaster' : 'all')
    await waitForAnother(primary.id)
  }
  await waitWhole(system)
  await systemClock.sleep(calmMs)
  const verdict = await load.end(t)
  reportTimes(t, verdict, killedAtMs)
  verdict.assertHolds()
  verdict.assertOnlyUnkeyedUnknown()
})

for (const who of ['postmaster', 'all'] as const)
  test(`SIGSTOP of ${who === 'all' ? 'the primary with all its processes' : "the primary's postmaster"}, then SIGCONT: it takes no write and shows nothing old`, async (t) => {
    await using load = await RecordedLoad.start(system)
    const stoppedAtMs: number[] = []
    for (let round = 0; round < stopRounds; round++) {
      await systemClock.sleep(calmMs)
      const primary = primaryOf(await waitWhole(system))
      stoppedAtMs.push(nowMs())
      const stopped = signalServer(primary.pid, 'SIGSTOP', who)
      try {
        await waitForAnother(primary.id)
      } finally {
        signalEach(stopped, 'SIGCONT')
      }
      await assertDeposed(primary.id)
    }
    await waitWhole(system)
    await systemClock.sleep(calmMs)
    const verdict = await load.end(t)
    reportTimes(t, verdict, stoppedAtMs)
    verdict.assertHolds()
    verdict.assertOnlyUnkeyedUnknown()
  })

test('the supervisor is killed in the middle of a failover: the next one finishes it', async (t) => {
  await using load = await RecordedLoad.start(system)
  const killedAtMs: number[] = []
  for (const afterMs of strokesMs) {
    await systemClock.sleep(calmMs)
    const status = await waitWhole(system)
    const primary = primaryOf(status)
    assert.ok(status.supervisor)
    killedAtMs.push(nowMs())
    signalServer(primary.pid, 'SIGKILL', 'all')
    await systemClock.sleep(afterMs)
    process.kill(status.supervisor.pid, 'SIGKILL')
    await system.tenfold('up', '--detach')
    await waitWhole(system)
  }
  await systemClock.sleep(calmMs)
  const verdict = await load.end(t)
  reportTimes(t, verdict, killedAtMs)
  verdict.assertHolds()
  verdict.assertOnlyUnkeyedUnknown()
})

test('the primary and a replica die together: nothing acknowledged is lost', async (t) => {
  await using load = await RecordedLoad.start(system)
  await systemClock.sleep(calmMs)
  const status = await waitWhole(system)
  const [replica] = replicasOf(status)
  assert.ok(replica)
  const killedAtMs = nowMs()
  for (const { pid } of [primaryOf(status), replica]) signalServer(pid, 'SIGKILL', 'all')
  await system.waitStatus('both dead seen', ({ nodes }) => nodes.every(({ pid }) => pid !== replica.pid))
  await waitWhole(system)
  await systemClock.sleep(calmMs)
  const verdict = await load.end(t)
  reportTimes(t, verdict, [killedAtMs])
  verdict.assertHolds()
  verdict.assertOnlyUnkeyedUnknown()
})

async function waitForAnother(old: string): Promise<void> {
  const isAnother = ({ shards, nodes }: Awaited<ReturnType<typeof system.status>>) => {
    const primary = shards[0]?.primary
    return primary !== old && nodes.some(({ id, state }) => id === primary && state === 'ready')
  }
  await system.waitStatus(`a primary in the place of ${old}`, isAnother, failoverTimeoutMs)
}

/** For a while, whoever answers at the old primary's address is no primary. */
async function assertDeposed(old: string): Promise<void> {
  const untilMs = nowMs() + watchMs
  while (nowMs() < untilMs) {
    const status = await system.status()
    const node = status.nodes.find(({ id }) => id === old)
    if (!node) return // given up for good
    assert.notEqual(status.shards[0]?.primary, old)
    const { isInRecovery = true, tookWrite = false } = await askDirectly(system, node)
    assert.deepEqual({ isInRecovery, tookWrite }, { isInRecovery: true, tookWrite: false }, `${old} is open`)
  }
}

function reportTimes(t: TestContext, { history }: Verdict, faultsAtMs: readonly number[]): void {
  const endMs = Math.max(...history.map(({ doneMs }) => doneMs))
  const times = faultsAtMs.map((atMs, index) => writableAgainMs(history, atMs, faultsAtMs[index + 1] ?? endMs))
  const sorted = times.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  const list = times.map((ms) => ms.toFixed(0)).join(', ')
  t.diagnostic(`writable again after ${list} ms; median ${median.toFixed(0)}, longest ${sorted.at(-1)?.toFixed(0)}`)
}
