// Streams over two shards, each a PostgreSQL of its own.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../../../../base/limits.ts'
import type { ShardDatabase } from '../../../../database/contract.ts'
import { startTestDatabase } from '../../../../database/testing.ts'
import { StreamTier } from '../../../streams/streams.ts'
import { queueSql } from '../testing.ts'
import { openPostgresStreams } from './engine.ts'

const timeoutMs = 30_000

test('a key stays on its shard and in its order, and a group goes back on all of them to the time of an entry', async () => {
  const sql = await queueSql()
  const [first, second] = await Promise.all([startTestDatabase({ sql }), startTestDatabase({ sql })])
  let tier: StreamTier | undefined
  try {
    const shards = (): ShardDatabase[] =>
      [first, second].map(({ db }, i) => ({
        id: `s${i + 1}`,
        query: (...query) => (db.shards()[0] as ShardDatabase).query(...query),
      }))
    const engine = openPostgresStreams(shards)
    tier = new StreamTier(engine, { log: { warn() {}, error() {} } })
    const stream = tier.streams.defineStream('events', { partitions: 2 })
    const seen = new Map<string, unknown[]>()
    const lanes = new Map<string, Set<string>>()
    let count = 0
    stream.consume({ group: 'g', from: 'start' }, async (entries, { lane }) => {
      for (const { key = '', payload } of entries) {
        seen.set(key, [...(seen.get(key) ?? []), payload['n']])
        lanes.set(key, (lanes.get(key) ?? new Set()).add(lane))
        count++
      }
    })
    tier.startReaders()
    const keys = Array.from({ length: 12 }, (_, i) => `key-${i}`)
    const numbers = (from: number) => Array.from({ length: 10 }, (_, i) => from + i)
    const appendAll = async (from: number) => {
      const entries = numbers(from).flatMap((n) => keys.map((key) => ({ payload: { n }, key })))
      await stream.appendMany(entries)
    }
    await appendAll(0)
    await waitUntil(() => count === 120, { what: 'all entries', timeoutMs })
    const { position } = await stream.append({ n: 'between' }, { key: 'other' })
    await appendAll(10)
    await waitUntil(() => count === 241, { what: 'all entries', timeoutMs })
    await stream.rewind('g', { position })
    await waitUntil(() => count === 362, { what: 'the later entries again', timeoutMs })
    for (const key of keys) {
      assert.deepEqual(seen.get(key), [...numbers(0), ...numbers(10), ...numbers(10)])
      assert.equal(lanes.get(key)?.size, 1)
    }
    assert.deepEqual(
      [...new Set([...lanes.values()].flatMap((its) => [...its]))].sort(),
      ['s1/0', 's1/1', 's2/0', 's2/1'],
      'keys are spread over all of them',
    )
    const [state] = await engine.list()
    assert.deepEqual(
      state?.groups.map(({ group, lanes: its }) => [group, its.length, its.every(({ lag }) => lag === 0)]),
      [['g', 4, true]],
    )
  } finally {
    await tier?.stopReaders(timeoutMs)
    await Promise.all([first.stop(), second.stop()])
  }
})
