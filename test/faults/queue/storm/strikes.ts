// What is killed with SIGKILL while jobs run: one worker every second, and once each the primary of the database, the broker that
// leads the jobs, and the supervisor. Each strike waits until the system itself has put another one in the place of the dead.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { systemClock } from '../../../../src/base/clock.ts'
import { waitUntil } from '../../../../src/base/limits.ts'
import type { Random } from '../../../../src/base/random.ts'
import type { RunningSystem } from '../../../running-system.ts'
import { nodesOf } from '../../cache/cache-system.ts'
import { primaryOf } from '../../database/replicated-system.ts'
import { signalServer } from '../../database/server-processes.ts'
import type { Trouble } from '../history/check.ts'
import { nowMs } from '../history/run.ts'

const killEveryMs = 1000
const workersLeftMin = 2
const ageMsMin = 3000
const backMsMax = 90_000
/** After a trouble, until outcomes that could not be told have been, or their leases have ended (the app's is 10 s). */
const troubleMs = 12_000
const jobStream = 'tenfold-jobs'

/**
 * One every second, while most are there and it is old enough: where a start takes longer than that, nothing else would ever be
 * done, least of all what killed ones had, which waits for a process beside.
 */
export async function killWorkers(
  system: RunningSystem,
  { random, deaths, signal }: { random: Random; deaths: Map<string, number>; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    await systemClock.sleep(killEveryMs, signal)
    const status = await system.status().catch(() => undefined) // the supervisor is being killed, too
    const ready = (status?.nodes ?? []).filter(({ role, state }) => role === 'worker' && state === 'ready')
    const old = ready.filter(({ since }) => Date.now() - Date.parse(since) >= ageMsMin)
    const pid = ready.length > workersLeftMin && old.length > 0 && random.pick(old).pid
    if (!pid || signal.aborted || deaths.has(String(pid))) continue
    const atMs = nowMs()
    // Its process for suspects goes with it.
    for (const killed of signalServer(pid, 'SIGKILL', 'all')) deaths.set(String(killed), atMs)
  }
}

export async function killPrimary(system: RunningSystem): Promise<Trouble> {
  const { id, pid } = primaryOf(await system.status())
  const fromMs = nowMs()
  signalServer(pid, 'SIGKILL', 'all')
  await system.waitStatus(
    `a primary in the place of ${id}`,
    ({ shards, nodes }) => {
      const primary = shards[0]?.primary
      return primary !== id && nodes.some((node) => node.id === primary && node.state === 'ready')
    },
    backMsMax,
  )
  return { fromMs, toMs: nowMs() + troubleMs }
}

/** The one whose death is felt: the others choose another leader. Undefined where jobs lie in the database alone. */
export async function killBroker(system: RunningSystem): Promise<Trouble | undefined> {
  const brokers = await nodesOf(system, 'nats')
  if (brokers.length === 0) return undefined
  const leader = await waitUntil(() => leaderOfJobs(system, brokers), {
    what: 'a leader of the jobs', // whose stream is made with the first of them
    timeoutMs: backMsMax,
    intervalMs: 200,
  })
  const victim = brokers.find(({ id }) => leader.endsWith(id.replace('/', '-')))
  assert.ok(victim, `${leader} is none of the brokers`)
  const fromMs = nowMs()
  process.kill(victim.pid, 'SIGKILL')
  await system.waitStatus(
    `the return of ${victim.id}`,
    ({ nodes }) => nodes.some(({ id, pid, state }) => id === victim.id && state === 'ready' && pid !== victim.pid),
    backMsMax,
  )
  return { fromMs, toMs: nowMs() + troubleMs }
}

/** Answers the command that began the next one: it waits until everything serves, which may be when nobody is killed any more. */
export async function killSupervisor(system: RunningSystem): Promise<AsyncDisposable> {
  const { supervisor } = await system.status()
  assert.ok(supervisor)
  process.kill(supervisor.pid, 'SIGKILL')
  await systemClock.sleep(killEveryMs)
  const up = system.tryTenfold('up', '--detach')
  await system.waitStatus('another supervisor', (now) => now.supervisor?.pid !== supervisor.pid, backMsMax)
  return { [Symbol.asyncDispose]: async () => void (await up) }
}

async function leaderOfJobs(
  system: RunningSystem,
  brokers: ReadonlyArray<{ address: string; port: number }>,
): Promise<string | undefined> {
  const { nats } = JSON.parse(await readFile(join(system.dir, 'secrets.json'), 'utf8'))
  const servers = brokers.map(({ address, port }) => `${address}:${port}`)
  const connection = await connect({ servers, user: 'app', pass: nats.app })
  try {
    const { cluster } = await (await jetstreamManager(connection)).streams.info(jobStream)
    return cluster?.leader
  } finally {
    await connection.close()
  }
}
