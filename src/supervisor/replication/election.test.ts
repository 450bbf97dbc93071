// An election on random histories: whoever is promoted has every write that was acknowledged.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { elect, type Standby } from './election.ts'
import { heardMin, quorumOf } from './quorum.ts'

const standby = (node: string, receivedLsn: bigint, more: Partial<Standby> = {}): Standby => ({
  node,
  timeline: 1,
  receivedLsn,
  replayedLsn: receivedLsn,
  ...more,
})

describe('a quorum', () => {
  test('is a majority of the primary and its replicas', () => {
    const countOf = (n: number) =>
      quorumOf(
        'quorum',
        Array.from({ length: n }, (_, i) => `r${i}`),
        [],
      )?.count
    assert.deepEqual([1, 2, 3, 4, 5, 8].map(countOf), [1, 1, 2, 2, 3, 4])
  })

  test('waits for whoever comes back when no replica is left, and never for the primary alone', () => {
    assert.deepEqual(quorumOf('quorum', [], ['b', 'a']), { count: 1, names: ['a', 'b'] })
    assert.equal(quorumOf('async', ['a'], ['a']), undefined)
  })
})

describe('an election', () => {
  const shard = { timeline: 1, quorums: [{ count: 1, names: ['a', 'b'] }] }

  test('takes the replica that received the most', () => {
    assert.deepEqual(elect(shard, [standby('a', 5n), standby('b', 7n)]), { to: 'b' })
  })

  test('takes the one that has shown the most of equals', () => {
    assert.deepEqual(elect(shard, [standby('a', 7n, { replayedLsn: 3n }), standby('b', 7n)]), { to: 'b' })
  })

  test('waits while a silent replica may hold the last acknowledged write', () => {
    assert.match((elect(shard, [standby('a', 5n)]) as { why: string }).why, /1 of a, b answer and 2 must/)
  })

  test('hears nobody who is on another timeline', () => {
    assert.match(
      (elect(shard, [standby('a', 9n, { timeline: 2 }), standby('b', 5n)]) as { why: string }).why,
      /1 of a, b/,
    )
  })

  test('asks for both quorums while one takes the place of the other', () => {
    const changing = { timeline: 1, quorums: [...shard.quorums, { count: 1, names: ['b', 'c'] }] }
    assert.equal(elect(changing, [standby('a', 5n), standby('b', 7n)]).to, undefined)
    assert.equal(elect(changing, [standby('a', 5n), standby('b', 7n), standby('c', 9n)]).to, 'c')
  })

  test('whoever is taken has every acknowledged write, whichever replicas acknowledged it and whichever answer', () => {
    const histories = fc.integer({ min: 1, max: 6 }).chain((n) =>
      fc.record({
        received: fc.array(fc.bigInt({ min: 0n, max: 100n }), { minLength: n, maxLength: n }),
        answers: fc.array(fc.boolean(), { minLength: n, maxLength: n }),
      }),
    )
    fc.assert(
      fc.property(histories, ({ received, answers }) => {
        const names = received.map((_, i) => `r${i}`)
        const quorum = quorumOf('quorum', names, names)
        assert.ok(quorum)
        // The newest position that `count` replicas have on disk is the newest that can have been acknowledged.
        const acknowledged = received.toSorted((a, b) => (a < b ? 1 : -1))[quorum.count - 1] as bigint
        const heard = names.flatMap((name, i) => (answers[i] ? standby(name, received[i] as bigint) : []))
        const { to } = elect({ timeline: 1, quorums: [quorum] }, heard)
        if (to === undefined) assert.ok(heard.length < heardMin(quorum))
        else assert.ok((received[names.indexOf(to)] as bigint) >= acknowledged)
      }),
    )
  })
})
