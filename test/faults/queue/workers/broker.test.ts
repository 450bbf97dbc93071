// Jobs on three brokers, workers killed all the time, one broker killed, then all of them gone for a while: transactions commit
// all the same and their jobs come when somebody is back; other publishes wait, or fail clearly; nothing is lost, keys keep their
// order. TENFOLD_FAULT_GONE_MS=30000 for the record.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isTenfoldError } from '../../../../src/base/errors.ts'
import { waitUntil } from '../../../../src/base/limits.ts'
import { type Random, seededRandom } from '../../../../src/base/random.ts'
import { startTestNatsCluster, type TestNats } from '../../../../src/programs/nats/testing.ts'
import { check, type Trouble } from '../history/check.ts'
import { type AskedJob, nowMs } from '../history/run.ts'
import { Workers } from './processes.ts'
import { type QueueDatabase, startQueueDatabase } from './testing/queue-database.ts'
import type { Task } from './testing/worker-process.ts'

const goneMs = Number(process.env['TENFOLD_FAULT_GONE_MS'] ?? 3000)
const seed = Number(process.env['TENFOLD_FAULT_SEED'] ?? Date.now() % 1_000_000)
const names = ['worker-1', 'worker-2', 'worker-3', 'worker-4']
const keyCount = 8
const perPublishMax = 4
const publishEveryMs = 40
const killEveryMs = 2000
/** Handled between two strikes, and while transactions alone can publish. */
const someJobs = 40
const tellMsMax = 5000
/** After brokers were away, until leases of jobs whose end they were not told have ended. */
const troubleMs = 10_000
const timeoutMs = 180_000

test('nothing is lost while brokers and workers die, and transactions commit while there is no broker', async (t) => {
  t.diagnostic(`seed ${seed}`)
  await using servers = await startTestNatsCluster()
  const brokers = {
    servers: servers.map(({ address, port }) => ({ address, port })),
    password: servers[0]?.secrets.app ?? '',
  }
  await using database = await startQueueDatabase(brokers)
  const { dir, env } = database
  const backoff = { baseMs: 20, capMs: 100 }
  const queues = { brokered: { concurrency: 8, leaseMs: 2000, attemptsMax: 1000, backoff } }
  await using workers = await Workers.start({ dir, env, brokers, names, queues })
  const publishing = new Publishing(database)
  const end = new AbortController()
  const going = [publishing.inTransactions(end.signal), publishing.direct(end.signal), killAll(workers, end.signal)]
  const startMs = nowMs()
  const troubles: Trouble[] = []
  const tell = (what: string) => t.diagnostic(`${((nowMs() - startMs) / 1000).toFixed(1)} s: ${what}`)
  try {
    await progress(workers)
    tell('jobs are done')
    const [first] = servers as unknown as [TestNats]
    let fromMs = nowMs()
    await first.kill()
    await progress(workers)
    tell('jobs are done without the first')
    await first.start()
    await first.healthy()
    troubles.push({ fromMs, toMs: nowMs() + troubleMs })
    tell('the first has caught up')

    fromMs = nowMs()
    await Promise.all(servers.map((server) => server.kill()))
    const committed = publishing.committed
    await sleep(goneMs)
    await waitUntil(() => publishing.committed > committed, { what: 'commits without a broker', timeoutMs })
    await Promise.all(servers.map((server) => server.start()))
    tell('all have been gone and are back')
    await progress(workers)
    troubles.push({ fromMs, toMs: nowMs() + troubleMs })
    tell('jobs are done')
  } finally {
    end.abort()
    await Promise.all(going)
  }
  const { jobs } = publishing
  const published = jobs.filter(({ fate }) => fate === 'published')
  await waitUntil(
    () => {
      const done = doneIn(workers)
      return published.every(({ n }) => done.has(n))
    },
    { what: `${published.length} jobs done`, timeoutMs, intervalMs: 250 },
  )
  tell('all are done')
  const { violations, figures } = check({ jobs, runs: workers.runs(), deaths: workers.deaths, troubles, tellMsMax })
  const refused = JSON.stringify(Object.fromEntries(publishing.refused))
  t.diagnostic(`${JSON.stringify({ ...figures, killed: workers.deaths.size })}, refused ${refused}`)
  assert.deepEqual(violations.slice(0, 8), [], `${violations.length} violations, seed ${seed}`)
  const unclear = [...publishing.refused.keys()].filter((code) => code !== 'unavailable' && code !== 'timeout')
  assert.deepEqual(unclear, [], 'whoever is refused is told why')
})

class Publishing {
  readonly jobs: AskedJob[] = []
  readonly refused = new Map<string, number>()
  /** Transactions. */
  committed = 0
  readonly #database: QueueDatabase
  readonly #random = seededRandom(seed)

  constructor(database: QueueDatabase) {
    this.#database = database
  }

  async inTransactions(signal: AbortSignal): Promise<void> {
    const { queue, transaction } = this.#database
    await this.#work('tx', signal, async (some) => {
      await transaction((tx) => queue.in(tx).publishMany('brokered', some))
      this.committed++
    })
  }

  async direct(signal: AbortSignal): Promise<void> {
    const { queue } = this.#database
    await this.#work('direct', signal, (some) => queue.publishMany('brokered', some))
  }

  async #work(
    lane: string,
    signal: AbortSignal,
    publish: (some: Array<{ key?: string; payload: Task }>) => Promise<unknown>,
  ): Promise<void> {
    while (!signal.aborted) {
      const asked = someOf(this.#random, lane, this.jobs.length)
      this.jobs.push(...asked)
      try {
        await publish(asked.map(({ n, key }) => ({ ...(key !== undefined && { key }), payload: { n, workMs: 10 } })))
        for (const job of asked) job.fate = 'published'
      } catch (error) {
        const code = isTenfoldError(error) ? error.code : String(error)
        this.refused.set(code, (this.refused.get(code) ?? 0) + 1)
      }
      await sleep(publishEveryMs)
    }
  }
}

/** One in three has a key: those stay in the database, the others go through the brokers. */
function someOf(random: Random, lane: string, first: number): AskedJob[] {
  return Array.from({ length: 1 + random.int(perPublishMax) }, (_, i) => ({
    n: first + i,
    key: random.int(3) === 0 ? `${lane}-${random.int(keyCount)}` : undefined,
    fate: 'unknown',
  }))
}

async function killAll(workers: Workers, signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn++) {
    await sleep(killEveryMs)
    const name = names[turn % names.length] as string
    await workers.ready(name)
    if (!signal.aborted) workers.kill(name)
  }
}

function doneIn(workers: Workers): Set<number> {
  return new Set(workers.runs().flatMap(({ n, end }) => (end?.how === 'done' ? [n] : [])))
}

async function progress(workers: Workers): Promise<void> {
  const before = doneIn(workers).size
  await waitUntil(() => doneIn(workers).size >= before + someJobs, {
    what: 'jobs that are done',
    timeoutMs,
    intervalMs: 100,
  })
}
