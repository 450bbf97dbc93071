// One of the processes that share the cache, as a web server is: memory before a ring of Redis servers, every strategy, and
// the truth behind it. It does what chance says, and keeps what it did, line by line, so that it can be killed at any time.

import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '../../../../src/base/random.ts'
import { openCache } from '../../../../src/tiers/cache/cache.ts'
import type { Through } from '../../../../src/tiers/cache/contract.ts'
import { nowMs, type Operation, type Read } from '../operation.ts'
import type { FromProcess, ProcessConfig, ToProcess, Work } from '../processes.ts'
import { openTruth } from '../truth.ts'
import { openLevels } from './open-levels.ts'

const config = JSON.parse(process.env['CACHE_PROCESS'] ?? '') as ProcessConfig
const { name, index, processCount, keyCount, seed, logPath } = config
const bytesMax = 4 * 1024 * 1024
const tagCount = 20
/** At the end. */
const atOnce = 50
/** Many that wait much: a machine that is busy makes each of them slow and not all of them. */
const [readers, readPauseMs] = [6, 40]
const [writers, writePauseMs] = [4, 100]
/** Longer than any run: nothing old goes by itself. */
const ttl = '1h'

const log = openSync(logPath, 'a')
const random = seededRandom(seed)
const truth = await openTruth(config.truth)
const engine = await openLevels(config, { bytesMax })
const cache = openCache(engine)
let [reads, writes] = [0, 0]

/** By strategy; a key has one, as in an app. */
const asides = cache.namespace('aside', { ttl })
const own = cache.namespace('own', { ttl })
const [through, around] = (['through', 'around'] as const).map((write) =>
  cache.through<string>({
    name: write,
    ttl,
    negativeTtl: ttl,
    write,
    load: (key) => load(`${write}:${key}`),
    async store(key, value) {
      await truth.write(`${write}:${key}`, value ?? nameOfDeletion(`${write}:${key}`))
      await pauseAtTimes()
    },
  }),
) as [Through<string>, Through<string>]
const strategies = ['aside', 'through', 'around', 'own'] as const
type Strategy = (typeof strategies)[number]

async function load(key: string): Promise<string | undefined> {
  const value = await truth.read(key)
  await pauseAtTimes()
  return value
}

/** A process is busy, a query is slow: between the truth and the cache anything can happen. */
async function pauseAtTimes(): Promise<void> {
  const dice = random.next()
  if (dice < 0.02) await sleep(random.int(1500))
  else if (dice < 0.2) await sleep(random.int(20))
}

function newName(sign = ''): string {
  return `${sign}${name}.${++writes}`
}

/** Of a deletion by `through`, which is given no value that could name it. */
const deletions = new Map<string, string>()
function nameOfDeletion(key: string): string {
  const made = newName('-')
  deletions.set(key, made)
  return made
}

function keep(operation: Operation): void {
  if (operation.kind === 'read') reads++
  writeSync(log, `${JSON.stringify(operation)}\n`)
}

async function read(by: Read['by'], key: string, work: () => Promise<string | undefined> | string | undefined) {
  const fromMs = nowMs()
  const seen = await work()
  keep({ kind: 'read', by, process: name, key, seen, fromMs, toMs: nowMs() })
}

function tagOf(n: number): string {
  return `group:${n % tagCount}`
}

function wrap(strategy: Strategy, n: number): Promise<string | undefined> {
  const key = String(n)
  if (strategy === 'through') return through.get(key)
  if (strategy === 'around') return around.get(key)
  if (strategy === 'own') return own.wrap(key, { negativeTtl: ttl }, () => load(`own:${key}`))
  return asides.wrap(key, { tags: [tagOf(n)] }, () => load(`aside:${key}`))
}

/** Popular keys are asked for more: a cube of chance. */
function pickKey(): number {
  return Math.floor(keyCount * random.next() ** 3)
}

async function readOne(): Promise<void> {
  const n = pickKey()
  const strategy = strategies[n % strategies.length] as Strategy
  const key = `${strategy}:${n}`
  const dice = random.next()
  if (dice < 0.7) await read('wrap', key, () => wrap(strategy, n))
  else if (dice < 0.8) await read('get', key, () => cache.get<string>(key))
  // What lies in the process, at once, many times: as a page that shows a list.
  for (let i = 0; i < 5; i++) {
    const near = pickKey()
    const nearKey = `${strategies[near % strategies.length]}:${near}`
    const fromMs = nowMs()
    const seen = cache.peek<string>(nearKey)
    if (seen !== undefined) keep({ kind: 'read', by: 'peek', process: name, key: nearKey, seen, fromMs, toMs: nowMs() })
  }
}

async function writeOne(): Promise<void> {
  const n = pickKey()
  const strategy = strategies[n % strategies.length] as Strategy
  if (strategy === 'aside') return writeAside(n)
  const key = String(n)
  const value = newName()
  const fromMs = nowMs()
  const keepWrite = (by: string, writeName = value) =>
    keep({ kind: 'write', by, process: name, key: `${strategy}:${n}`, name: writeName, fromMs, toMs: nowMs() })
  if (strategy === 'own') {
    // Only one process sets it, one after the other: for such keys the cache promises that the last set is what is there.
    if (Math.floor(n / strategies.length) % processCount !== index || underWay.has(n)) return
    underWay.add(n)
    await truth.write(`own:${n}`, value)
    await own.set(key, value)
    underWay.delete(n)
    return keepWrite('set')
  }
  const line = strategy === 'through' ? through : around
  if (random.next() < 0.15) {
    if (underWay.has(n)) return
    underWay.add(n)
    await line.delete(key)
    keepWrite(`${strategy}-delete`, deletions.get(`${strategy}:${key}`))
    underWay.delete(n)
    return
  }
  await line.set(key, value)
  keepWrite(strategy)
}
/** Keys of which this process does one thing at a time. */
const underWay = new Set<number>()

async function writeAside(n: number): Promise<void> {
  const dice = random.next()
  const numbers = dice < 0.2 ? [n, n + strategies.length * 5, n + strategies.length * 10] : [n]
  const inGroup = numbers.filter((other) => other < keyCount && tagOf(other) === tagOf(n))
  const names = inGroup.map(() => newName(random.next() < 0.1 ? '-' : ''))
  const fromMs = nowMs()
  await Promise.all(inGroup.map((other, i) => truth.write(`aside:${other}`, names[i] as string)))
  await pauseAtTimes()
  if (dice < 0.2) await asides.deleteTag(tagOf(n))
  else if (dice < 0.22) await asides.deletePrefix(String(n))
  else await asides.delete(String(n))
  const toMs = nowMs()
  inGroup.forEach((other, i) => {
    keep({ kind: 'write', by: 'aside', process: name, key: `aside:${other}`, name: names[i] as string, fromMs, toMs })
  })
}

/** For a time, and on a machine that is busy with other things for as long as it takes to have done something. */
async function work(run: () => Promise<void>, { untilMs, readsMin, latestMs }: Work, pauseMs: number): Promise<void> {
  while (nowMs() < untilMs || (reads < readsMin && nowMs() < latestMs)) {
    await run()
    await sleep(random.next() * 2 * pauseMs)
  }
}

/** Every key, so that it can be seen that all processes have come to the newest of each. */
async function readEverything(): Promise<void> {
  const readKey = async (n: number) => {
    const strategy = strategies[n % strategies.length] as Strategy
    await read('wrap', `${strategy}:${n}`, () => wrap(strategy, n))
  }
  for (let from = 0; from < keyCount; from += atOnce)
    await Promise.all(Array.from({ length: Math.min(atOnce, keyCount - from) }, (_, i) => readKey(from + i)))
}

function say(message: FromProcess): void {
  process.send?.(message)
}

process.on('message', async (message: ToProcess) => {
  if (message.kind === 'work') {
    await Promise.all([
      ...Array.from({ length: readers }, () => work(readOne, message, readPauseMs)),
      ...Array.from({ length: writers }, () => work(writeOne, message, writePauseMs)),
    ])
    say({ kind: 'done' })
  } else if (message.kind === 'read-all') {
    await readEverything()
    say({ kind: 'done' })
  } else {
    await engine.close()
    truth.close()
    process.disconnect?.()
  }
})
say({ kind: 'ready', stalenessMsMax: engine.stalenessMsMax })
