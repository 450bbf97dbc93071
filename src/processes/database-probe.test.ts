// Whether a process serves is told by any server that answers, at the start and later.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../base/clock.ts'
import { TenfoldError } from '../base/errors.ts'
import type { ReadFrom } from '../tiers/database/contract.ts'
import { DatabaseProbe } from './database-probe.ts'

const down = new TenfoldError('unavailable', 'the primary is gone')

function shardOf(answers: () => { primary: boolean; replica: boolean }) {
  return {
    id: 's1',
    async query<Row>(_text: string, _values?: readonly unknown[], options?: { from?: ReadFrom }): Promise<Row[]> {
      if (answers()[options?.from ?? 'primary']) return []
      throw down
    },
  }
}

test('a shard whose replica answers is no trouble; one that nobody answers for cannot be started with', async () => {
  for (const [primary, replica] of [
    [true, false],
    [false, true],
  ] as const) {
    const probe = new DatabaseProbe({ shards: () => [shardOf(() => ({ primary, replica }))] }, new ManualClock())
    await probe.start()
    assert.equal(probe.trouble, undefined)
    await probe.stop()
  }
  const probe = new DatabaseProbe({ shards: () => [shardOf(() => ({ primary: false, replica: false }))] })
  await assert.rejects(probe.start(), down)
})
