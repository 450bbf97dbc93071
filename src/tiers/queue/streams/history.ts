// A stream under everything at once, and a checker of what its groups were given: appenders in and outside of transactions
// that end in any order, readers that die without a word and others in their place, and rewinds.
//
// Each key has one appender, which waits for each of its entries to be committed before the next: n of a key is then
// its order. A group may be given entries again, from any earlier one on, but from there in order and without a gap.

import assert from 'node:assert/strict'
import type { QueryExecutorProvider } from 'kysely'
import { waitUntil } from '../../../base/limits.ts'
import { type Random, seededRandom } from '../../../base/random.ts'
import type { StreamEngine } from './contract.ts'
import { StreamTier } from './streams.ts'

interface HistoryOptions {
  engine: StreamEngine
  transaction<T>(work: (tx: QueryExecutorProvider) => Promise<T>): Promise<T>
  stream: string
  seed: number
}

const keys = 6
const perKey = 40
const kills = 8
const rewinds = 3
const leaseMs = 300
const timeoutMs = 60_000
const groups = ['first', 'second'] as const
const quiet = { warn() {}, error() {} }

export async function streamHistory({ engine, transaction, stream, seed }: HistoryOptions): Promise<void> {
  const random = seededRandom(seed)
  const says = `seed ${seed}`
  await engine.define(stream, { partitions: 2 })
  const committed = new Map<string, number[]>()
  const given = new Map(groups.map((group) => [group, new Map<string, number[]>()]))
  let isOver = false

  const append = async (key: string) => {
    const numbers: number[] = []
    committed.set(key, numbers)
    for (let n = 0; n < perKey; n++) {
      const payload = { n }
      const entry = { stream, body: JSON.stringify(payload), key, trace: undefined }
      if (random.int(3) > 0) await engine.append([entry])
      else {
        const isFine = random.int(4) > 0
        const held = transaction(async (tx) => {
          await engine.appendIn(tx, [entry])
          await sleep(random.int(40))
          if (!isFine) throw new Error('rolled back')
        })
        const isDone = await held.then(
          () => true,
          () => false,
        )
        assert.equal(isDone, isFine, says)
        if (!isFine) continue
      }
      numbers.push(n)
    }
  }

  const openReader = (): MortalReader => {
    const reader = new MortalReader(engine, random)
    for (const group of groups)
      reader.tier.streams.consume(stream, { group, from: 'start', batchMax: 5, leaseMs }, async (entries) => {
        for (const { key = '', payload } of entries) {
          await sleep(random.int(2))
          if (reader.isDead) return
          const numbers = given.get(group)?.get(key) ?? []
          given.get(group)?.set(key, numbers)
          numbers.push(payload['n'] as number)
        }
      })
    reader.tier.startReaders()
    return reader
  }

  const readers = [openReader(), openReader()]
  const kill = async () => {
    for (let i = 0; i < kills; i++) {
      await sleep(60 + random.int(60))
      readers[i % 2]?.kill()
      readers[i % 2] = openReader()
    }
  }
  /** Positions go back when somebody rewinds, never else. */
  let backwards = 0
  const rewind = async () => {
    for (let i = 0; i < rewinds; i++) {
      await sleep(150)
      backwards++
      await engine.rewind({ stream, group: 'second' }, 'start').catch((error) => {
        if (error.code !== 'not-found') throw error
      })
    }
  }
  const watch = async () => {
    const last = new Map<string, string>()
    while (!isOver) {
      const before = backwards
      const state = (await engine.list()).find((other) => other.stream === stream)
      for (const { group, lanes } of state?.groups ?? [])
        for (const { id, position } of lanes) {
          const name = `${group} ${id}`
          const mayGoBack = group === 'second' && (backwards > 0 || before !== backwards)
          assert.ok(mayGoBack || position >= (last.get(name) ?? ''), `${name} went back to ${position}; ${says}`)
          last.set(name, position)
        }
      await sleep(20)
    }
  }
  const watching = watch()
  try {
    await Promise.all([...Array.from({ length: keys }, (_, i) => append(`key-${i}`)), kill(), rewind()])
    const isRead = () =>
      groups.every((group) =>
        [...committed].every(([key, numbers]) => new Set(given.get(group)?.get(key)).size === numbers.length),
      )
    await waitUntil(isRead, { what: `every group has read everything; ${says}`, timeoutMs })
  } finally {
    isOver = true
    for (const { tier } of readers) await tier.stopReaders(timeoutMs)
  }
  await watching
  for (const group of groups)
    for (const [key, numbers] of committed)
      verify(given.get(group)?.get(key) ?? [], numbers, `${group}, ${key}; ${says}`)
}

/** Each step goes to the next entry, or back. */
function verify(given: readonly number[], committed: readonly number[], what: string): void {
  let furthest = -1
  let previous = -1
  for (const n of given) {
    const index = committed.indexOf(n)
    assert.notEqual(index, -1, `${n} was given and never committed: ${what}`)
    assert.ok(index <= previous + 1, `${n} came after ${committed[previous]}: ${what}`)
    previous = index
    furthest = Math.max(furthest, index)
  }
  assert.equal(furthest, committed.length - 1, `not all was given: ${what}`)
}

/** A tier whose engine hears nothing of it any more once it is killed. */
class MortalReader {
  readonly tier: StreamTier
  isDead = false

  constructor(engine: StreamEngine, random: Random) {
    const mortal = new Proxy(engine, {
      get: (target, name, receiver) => {
        const method = Reflect.get(target, name, receiver)
        if (typeof method !== 'function') return method
        return (...values: unknown[]) => {
          if (!this.isDead) return method.apply(target, values)
          // Nobody waits for the dead.
          return name === 'watch' ? { close: async () => {} } : new Promise(() => {})
        }
      },
    })
    this.tier = new StreamTier(mortal, { log: quiet, random })
  }

  kill(): void {
    this.isDead = true
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
