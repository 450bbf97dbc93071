// Write-back by four processes over the database, memory and three Redis servers; two processes and a server are killed.
// What was acknowledged is stored in the end, in the order of each key, and nobody reads anything older meanwhile.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '../../../src/base/limits.ts'
import { seededRandom } from '../../../src/base/random.ts'
import { startTestRedis, type TestRedis, testSecrets } from '../../../src/programs/redis/testing.ts'
import { databaseCacheMigrations } from '../../../src/tiers/cache/engines/database/guards.ts'
import { environmentOf } from '../../../src/tiers/cache/engines/database/testing/process.ts'
import { openDatabaseWrites } from '../../../src/tiers/cache/engines/database/writes.ts'
import { slotCount, slotOfText } from '../../../src/tiers/database/hash.ts'
import { startTestDatabase } from '../../../src/tiers/database/testing.ts'
import { check } from './check/check.ts'
import { nowMs } from './operation.ts'
import { CacheProcess } from './processes.ts'
import { openTruth } from './truth.ts'

const processCount = 4
const keyCount = 80
const workMs = 4000
const drainMsMax = 60_000

test('what write-back acknowledged is stored when two of four processes are killed, in order, and read by everybody meanwhile', async (t) => {
  const seed = Number(process.env['TENFOLD_FAULT_SEED'] ?? Date.now() % 1_000_000)
  t.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-write-back-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(dir, { recursive: true, force: true }))
  const database = stack.use(
    await startTestDatabase({ sql: await readFile(join(databaseCacheMigrations, '0002-writes.sql'), 'utf8') }),
  )
  const secrets = testSecrets()
  const truthServer = stack.use(
    await startTestRedis({ secrets, memory: { bytesMax: 64 * 1024 * 1024, whenFull: 'noeviction' } }),
  )
  const truthAddress = { port: truthServer.port, password: secrets.admin }
  const servers: TestRedis[] = []
  for (let i = 0; i < 3; i++) servers.push(stack.use(await startTestRedis({ secrets })))
  const processes = Array.from({ length: processCount }, (_, index) =>
    stack.use(
      new CacheProcess(
        {
          name: `p${index}`,
          life: 1,
          index,
          processCount,
          keyCount,
          ports: servers.map(({ port }) => port),
          userName: 'app',
          password: secrets.app,
          limits: {},
          truth: truthAddress,
          seed: random.int(2 ** 31),
          logPath: join(dir, `${index}.log`),
        },
        'back-process',
        environmentOf(database),
      ),
    ),
  )
  const ready = await Promise.all(processes.map((process) => process.ready()))
  const stalenessMsMax = ready[0]?.stalenessMsMax ?? 0
  const untilMs = nowMs() + workMs
  const working = Promise.all(
    processes.map((process) => process.tell({ kind: 'work', untilMs, readsMin: 50, latestMs: untilMs + 6 * workMs })),
  )
  const [first, second] = processes as [CacheProcess, CacheProcess]
  const hasWritten = (process: CacheProcess) => process.history().some(({ kind }) => kind === 'write')
  for (const doomed of [first, second]) {
    await sleep(500 + random.int(500))
    await waitUntil(() => hasWritten(doomed), { what: 'its first write', timeoutMs: drainMsMax })
    doomed.signal('SIGKILL')
  }
  await servers[0]?.kill()
  await sleep(300)
  await servers[0]?.start()
  await working

  const queue = openDatabaseWrites(database.db, { slotOf: slotOfText, slotCount })
  const keys = Array.from({ length: keyCount }, (_, n) => `k${n}`)
  const isEmpty = async () => {
    const waiting = await Promise.all(keys.map((key) => queue.waiting('back', key)))
    return waiting.every((write) => write === undefined)
  }
  await waitUntil(isEmpty, { what: 'the last store', timeoutMs: drainMsMax, intervalMs: 100 })
  await sleep(stalenessMsMax)
  await Promise.all(processes.map((process) => process.tell({ kind: 'read-all' })))

  const truth = await openTruth(truthAddress)
  const stored = await truth.everything()
  truth.close()
  const history = processes.flatMap((process) => process.history())
  const writes = history.filter((operation) => operation.kind === 'write')
  const written = new Map<string, string[]>()
  for (const key of keys) {
    const order = (stored.get(key) ?? []).map(numberOf)
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
      `${key} is stored in the order in which it was written`,
    )
    const acknowledged = Math.max(
      0,
      ...writes.filter((write) => write.key === key).map((write) => numberOf(write.name)),
    )
    const last = order.at(-1) ?? 0
    // One more than was acknowledged may have been under way when its process was killed.
    assert.ok(
      last === acknowledged || last === acknowledged + 1,
      `${key}: ${last} is stored, ${acknowledged} acknowledged`,
    )
    written.set(
      key,
      Array.from({ length: last }, (_, i) => `${key}#${i + 1}`),
    )
  }
  const { violations, figures } = check(history, { truth: written, boundMsOf: () => stalenessMsMax })
  t.diagnostic(JSON.stringify(figures))
  assert.deepEqual(violations.map(({ kind, message }) => `${kind}: ${message}`).slice(0, 5), [], `seed ${seed}`)
  assert.ok(writes.length >= 20, `only ${writes.length} writes`)
})

function numberOf(name: string): number {
  return Number(name.slice(name.indexOf('#') + 1))
}
