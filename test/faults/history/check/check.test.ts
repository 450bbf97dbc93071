// The checker finds what it must, and nothing else: each kind of violation is planted by hand, and at random in the
// histories of a simulated store that keeps every promise.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../../../src/base/random.ts'
import type { FinalObject, Operation } from '../operation.ts'
import { makeCorrectRun } from '../testing/correct-store.ts'
import { counterSpoilers, spoilers } from '../testing/spoil.ts'
import { checkHistory } from './check.ts'
import { describeViolation } from './violation.ts'

const seeds = fc.integer({ min: 0, max: 2 ** 31 })
const lengths = fc.integer({ min: 1, max: 120 })

test('a correct store never breaks a promise, whatever gets lost on the way to its clients', () => {
  fc.assert(
    fc.property(seeds, lengths, (seed, length) => {
      const { history, final } = makeCorrectRun(seed, length)
      assert.deepEqual(
        checkHistory(history, final).map((found) => describeViolation(found, 0)),
        [],
      )
    }),
    { numRuns: 300 },
  )
})

for (const [kind, all] of Object.entries({ element: spoilers, counter: counterSpoilers }))
  for (const [rule, spoil] of Object.entries(all)) {
    test(`planted in a random run: ${kind} ${rule}`, () => {
      let planted = 0
      const property = fc.property(seeds, (seed) => {
        const run = makeCorrectRun(seed, 100)
        const spoiled = spoil(run, seededRandom(seed))
        if (!spoiled) return
        planted++
        const rules = checkHistory(spoiled.history, spoiled.final).map((found) => found.rule)
        assert.ok(rules.includes(rule as (typeof rules)[number]), `${rule} was not found, but: ${rules.join(', ')}`)
      })
      fc.assert(property, { numRuns: 60 })
      assert.ok(planted > 10, `only ${planted} of the runs had a place for it`)
    })
  }

// By hand, the smallest history that shows it: what the message says.

let lastId = 0

function operation(change: Partial<Operation>): Operation {
  const id = change.id ?? ++lastId
  const [invokedMs, doneMs] = [id * 10, id * 10 + 5]
  const times = { dueMs: invokedMs, invokedMs, doneMs }
  return { id, session: 1, object: 'set', key: 'a', access: 'write', server: 's', outcome: 'ok', ...times, ...change }
}

function read(elements: number[], change: Partial<Operation> = {}): Operation {
  return operation({ access: 'read', seen: { elements }, ...change })
}

function rulesOf(history: Operation[], final: FinalObject[]): string[] {
  return checkHistory(history, final).map(({ rule }) => rule)
}

const counter = { object: 'counter', key: 'c' } as const
const counted = (value: number) => operation({ ...counter, seen: { value } })
const counterRead = (value: number) => operation({ ...counter, access: 'read', seen: { value } })
const unknownCount = () => operation({ ...counter, outcome: 'unknown' })

test('a violation names its operations with their times, servers and outcomes', () => {
  const write = operation({ id: 7, isKeyed: true })
  const [found, ...others] = checkHistory([write], [{ object: 'set', key: 'a', elements: [] }])
  assert.ok(found)
  assert.deepEqual(others, [])
  assert.equal(
    describeViolation(found, 0),
    'lost: set a lacks element 7, which was acknowledged\n    #7 write of set a, session 1 at s, 0.070 s .. 0.075 s: ok, with a key',
  )
})

test('an unknown write may be there or not, but once; it may come late, and is then seen by everybody who saw it', () => {
  const write = operation({ outcome: 'unknown' })
  const set = (...elements: number[]): FinalObject[] => [{ object: 'set', key: 'a', elements }]
  assert.deepEqual(rulesOf([write], set()), [])
  assert.deepEqual(rulesOf([write], set(write.id)), [])
  assert.deepEqual(rulesOf([write], set(write.id, write.id)), ['doubled'])
  assert.deepEqual(rulesOf([write, read([]), read([write.id])], set(write.id)), [])
  assert.deepEqual(rulesOf([write, read([write.id]), read([])], set(write.id)), ['went-back'])
})

test('another session may read old state, the writer may not', () => {
  const write = operation({})
  const final: FinalObject[] = [{ object: 'set', key: 'a', elements: [write.id] }]
  assert.deepEqual(rulesOf([write, read([], { session: 2 })], final), [])
  assert.deepEqual(rulesOf([write, read([])], final), ['own-write-missing'])
})

test('counters: the worked examples', () => {
  const is = (value: number): FinalObject[] => [{ ...counter, value }]
  assert.deepEqual(rulesOf([counted(1), counted(2), unknownCount(), counted(4), counterRead(4)], is(4)), [])
  assert.deepEqual(rulesOf([counted(1), counted(2), unknownCount(), counted(3), counterRead(3)], is(4)), [])
  assert.deepEqual(rulesOf([counted(1), counted(2), unknownCount(), counted(4)], is(5)), ['doubled'])
  assert.deepEqual(rulesOf([counted(1), counted(2)], is(1)), ['lost'])
  assert.deepEqual(rulesOf([counted(1), counted(1)], is(1)), ['lost'])
  assert.deepEqual(rulesOf([counted(1), counterRead(0)], is(1)), ['own-write-missing'])
  assert.deepEqual(rulesOf([unknownCount(), counterRead(1), counterRead(0)], is(1)), ['went-back'])
})

test('a list is in the order of acknowledgements, and every read is a beginning of it', () => {
  const list = { object: 'list', key: 'l' } as const
  const [first, second] = [operation(list), operation(list)]
  const ids = [first.id, second.id]
  const final = (elements: number[]): FinalObject[] => [{ ...list, elements }]
  assert.deepEqual(rulesOf([first, second, read(ids, list)], final(ids)), [])
  assert.deepEqual(rulesOf([first, second], final(ids.toReversed())), ['reordered'])
  const other = read([second.id], { ...list, session: 2 })
  assert.deepEqual(rulesOf([first, second, other], final(ids)), ['reordered'])
  // Two at once may come in either order.
  const beside = { ...second, invokedMs: first.invokedMs, session: 2 }
  assert.deepEqual(rulesOf([first, beside], final(ids.toReversed())), [])
})
