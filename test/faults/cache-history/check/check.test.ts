// The checker finds each violation that is planted, by hand and in random runs of a store that keeps its promises, and
// nothing in the runs as they are.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seededRandom } from '../../../../src/base/random.ts'
import type { Operation, Read, Truth, Write } from '../operation.ts'
import { check } from './check.ts'

const boundMs = 100
const terms = (truth: Truth) => ({ truth, boundMsOf: () => boundMs })

function write(name: string, fromMs: number, toMs: number, key = 'k'): Write {
  return { kind: 'write', by: 'aside', process: 'w', key, name, fromMs, toMs }
}

function read(seen: string | undefined, fromMs: number, change: Partial<Read> = {}): Read {
  return { kind: 'read', by: 'wrap', process: 'r', key: 'k', seen, fromMs, toMs: fromMs + 1, ...change }
}

const order: Truth = new Map([['k', ['a', 'b', '-c', 'd']]])
const writes = [write('a', 0, 10), write('b', 1000, 1010), write('-c', 2000, 2010), write('d', 3000, 3010)]
const kindsOf = (...reads: Read[]) =>
  check([...writes, ...reads], terms(order)).violations.map(({ kind, overMs }) => `${kind} ${overMs}`)

test('what is older than the bound, comes back, comes from nowhere or is missing is named, by how much it is beyond', () => {
  assert.deepEqual(kindsOf(read('a', 1110)), [], 'to the bound')
  assert.deepEqual(kindsOf(read('a', 1111)), ['old 1'])
  assert.deepEqual(kindsOf(read('b', 1500), read('a', 1600)), ['back 490'], 'the same process had the newer one')
  assert.deepEqual(kindsOf(read('b', 1500), read('a', 1600, { process: 'another' })), ['old 490'])
  assert.deepEqual(kindsOf(read('b', 2111)), ['old 1'], 'after its deletion')
  assert.deepEqual(kindsOf(read('b', 900)), ['phantom 0'], 'before it was written')
  assert.deepEqual(kindsOf(read('x', 900)), ['phantom 0'], 'by nobody')
  assert.deepEqual(kindsOf(read(undefined, 111)), ['gone 1'], 'there is something')
  assert.deepEqual(kindsOf(read(undefined, 3111)), ['gone 1'], 'there is something again')
})

test('what is allowed is let pass: within the bound, before an acknowledgement, nothing found where nothing is promised', () => {
  assert.deepEqual(kindsOf(read('b', 1001), read('a', 1002), read('a', 1005), read('a', 1105)), [])
  assert.deepEqual(kindsOf(read(undefined, 2500), read(undefined, 3100)), [])
  for (const by of ['get', 'peek'] as const) assert.deepEqual(kindsOf(read(undefined, 1500, { by })), [], by)
  const { figures } = check([...writes, read('b', 1001), read('a', 1050)], terms(order))
  assert.deepEqual(figures, { reads: 2, answered: 2, writes: 4, old: 1, oldMsMax: 40, wentBack: 1 })
})

test('a write that nobody acknowledged may show, and need not; what is promised by read is judged by read', () => {
  const dead: Truth = new Map([['k', ['a', 'unknown']]])
  const some = [write('a', 0, 10), read('unknown', 5), read('a', 5000)]
  assert.deepEqual(check(some, terms(dead)).violations, [])
  const late = [...writes, read('a', 1400)]
  assert.equal(check(late, { truth: order, boundMsOf: () => 500 }).violations.length, 0)
  assert.equal(check(late, { truth: order, boundMsOf: ({ fromMs }) => 1500 - fromMs }).violations.length, 1)
})

/** A register for each key that shows the newest value, or the one before while that is allowed. */
function makeRun(random: Random): { history: Operation[]; truth: Map<string, string[]> } {
  const truth = new Map<string, string[]>()
  const since = new Map<string, number>()
  const history: Operation[] = []
  for (let ms = 0; ms < 20_000; ms += 1 + random.int(20)) {
    const key = `k${random.int(5)}`
    const names = truth.get(key) ?? []
    if (random.int(10) === 0) {
      const name = `${random.int(4) === 0 ? '-' : ''}${key}.${names.length}`
      truth.set(key, [...names, name])
      since.set(key, ms + 5)
      history.push(write(name, ms, ms + 5, key))
    } else {
      const isOld = names.length > 1 && ms - (since.get(key) ?? 0) <= boundMs && random.int(2) === 0
      const name = names.at(isOld ? -2 : -1)
      const seen = name?.startsWith('-') ? undefined : name
      history.push(read(seen, ms, { key, process: `p${random.int(3)}` }))
    }
  }
  return { history, truth }
}

test('random runs of a store that keeps its promises hold, and each spoilt read is found', () => {
  for (let seed = 0; seed < 50; seed++) {
    const random = seededRandom(seed)
    const { history, truth } = makeRun(random)
    assert.deepEqual(check(history, terms(truth)).violations, [], `seed ${seed}`)
    const spoil = (kind: string, change: (read: Read, names: readonly string[]) => string | undefined) => {
      const places = history.filter((operation) => {
        if (operation.kind !== 'read' || operation.seen === undefined) return false
        return change(operation, truth.get(operation.key) ?? []) !== undefined
      })
      assert.ok(places.length > 0, `seed ${seed}: no place for ${kind}`)
      const place = random.pick(places) as Read
      const seen = change(place, truth.get(place.key) ?? [])
      const spoilt = history.map((operation) => (operation === place ? { ...place, seen } : operation))
      const found = check(spoilt, terms(truth)).violations
      assert.ok(
        found.some((violation) => violation.read.fromMs === place.fromMs),
        `seed ${seed}: ${kind} of ${place.seen} to ${seen}`,
      )
    }
    /** The value before, where what replaced it was acknowledged long ago. */
    spoil('old', ({ seen, fromMs }, names) => {
      const i = names.indexOf(seen as string)
      const replaced = history.find((operation) => operation.kind === 'write' && operation.name === names[i])
      const before = names[i - 1]
      return before && !before.startsWith('-') && replaced && fromMs - replaced.toMs > boundMs ? before : undefined
    })
    spoil('phantom', ({ seen, toMs }, names) => {
      const later = names[names.indexOf(seen as string) + 1]
      const writer = history.find((operation) => operation.kind === 'write' && operation.name === later)
      return writer && writer.fromMs > toMs ? later : undefined
    })
  }
})
