// One of the processes of the test of write-back: it writes to its own keys, reads everybody's, and stores what waits,
// whoever wrote it. What was acknowledged it keeps, line by line, so that it can be killed at any time.

import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '../../../../src/base/random.ts'
import { openCache } from '../../../../src/tiers/cache/cache.ts'
import { openFromEnvironment } from '../../../../src/tiers/cache/engines/database/testing/process.ts'
import { openDatabaseWrites } from '../../../../src/tiers/cache/engines/database/writes.ts'
import { WriteBackTier } from '../../../../src/tiers/cache/write-back/write-back.ts'
import { slotCount, slotOfText } from '../../../../src/tiers/database/hash.ts'
import { nowMs, type Operation } from '../operation.ts'
import type { FromProcess, ProcessConfig, ToProcess, Work } from '../processes.ts'
import { openTruth } from '../truth.ts'
import { openLevels } from './open-levels.ts'

const config = JSON.parse(process.env['CACHE_PROCESS'] ?? '') as ProcessConfig
const { name, index, processCount, keyCount, seed, logPath } = config
const bytesMax = 1024 * 1024
const ttl = '1h'
const pauseMs = 20

const log = openSync(logPath, 'a')
const random = seededRandom(seed)
const truth = await openTruth(config.truth)
const engine = await openLevels(config, { bytesMax })
const { db } = await openFromEnvironment()
const writeBack = new WriteBackTier(openDatabaseWrites(db, { slotOf: slotOfText, slotCount }), {
  log: { warn() {}, error() {} },
  limits: { leaseMs: 1500, backoff: { baseMs: 20, capMs: 200 } },
})
const things = openCache(engine, { writeBack }).through<string>({
  name: 'back',
  ttl,
  write: 'back',
  load: (key) => truth.read(key),
  async store(key, value) {
    await sleep(random.int(30)) // killed here, it is not stored; killed after the next line, it is stored twice
    await truth.write(key, value ?? '-')
  },
})
writeBack.start()

/** Of each key of this process, what was written last. */
const counts = new Map<number, number>()
let reads = 0

function keep(operation: Operation): void {
  if (operation.kind === 'read') reads++
  writeSync(log, `${JSON.stringify(operation)}\n`)
}

async function writeOne(own: number): Promise<void> {
  const key = `k${own}`
  const count = (counts.get(own) ?? 0) + 1
  counts.set(own, count)
  const fromMs = nowMs()
  await things.set(key, `${key}#${count}`)
  keep({ kind: 'write', by: 'back', process: name, key, name: `${key}#${count}`, fromMs, toMs: nowMs() })
}

async function readOne(n: number): Promise<void> {
  const fromMs = nowMs()
  const seen = await things.get(`k${n}`)
  keep({ kind: 'read', by: 'wrap', process: name, key: `k${n}`, seen, fromMs, toMs: nowMs() })
}

/** Each has keys of its own, so that nothing of one key is written twice at the same time. */
async function write(part: number, parts: number, { untilMs }: Work): Promise<void> {
  const own = Array.from({ length: keyCount }, (_, n) => n).filter(
    (n) => n % (processCount * parts) === index * parts + part,
  )
  while (nowMs() < untilMs) {
    await writeOne(random.pick(own))
    await sleep(random.int(pauseMs))
  }
}

async function read({ untilMs, readsMin, latestMs }: Work): Promise<void> {
  while (nowMs() < untilMs || (reads < readsMin && nowMs() < latestMs)) {
    await readOne(random.int(keyCount))
    await sleep(random.int(pauseMs))
  }
}

function say(message: FromProcess): void {
  process.send?.(message)
}

process.on('message', async (message: ToProcess) => {
  if (message.kind === 'work')
    await Promise.all([write(0, 2, message), write(1, 2, message), read(message), read(message)])
  else for (let n = 0; n < keyCount; n++) await readOne(n)
  say({ kind: 'done' })
})
say({ kind: 'ready', stalenessMsMax: engine.stalenessMsMax })
