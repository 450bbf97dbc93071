// A group that fails takes no other with it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachGroup } from './batches.ts'

test('each group is worked on once, and the failure of one is that of its jobs only', async () => {
  const failed: string[] = []
  const jobs = ['a1', 'b1', 'a2', 'c1', 'b2'].map((name) => ({
    name,
    fail: (reason: unknown) => failed.push(`${name} ${reason}`),
  }))
  const worked: string[] = []
  await eachGroup(
    jobs,
    ({ name }) => name.slice(0, 1),
    async (group) => {
      worked.push(group.map(({ name }) => name).join('+'))
      if (group[0].name === 'b1') throw 'broke'
    },
  )
  assert.deepEqual(worked, ['a1+a2', 'b1+b2', 'c1'])
  assert.deepEqual(failed, ['b1 broke', 'b2 broke'])
})
