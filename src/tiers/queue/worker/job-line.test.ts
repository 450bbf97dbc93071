// The line of jobs behaves as a plain array does, whatever is done to it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { HeldJob } from './held-job.ts'
import { JobLine } from './job-line.ts'

test('first in, first out, by one or by many', () => {
  const step = fc.oneof(fc.constant('push'), fc.constant('shift'), fc.integer({ min: 1, max: 4 }))
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const line = new JobLine()
      const model: HeldJob[] = []
      for (const [id, each] of steps.entries()) {
        if (each === 'push') {
          const job = { id: String(id) } as HeldJob
          line.push(job)
          model.push(job)
        } else if (each === 'shift') assert.equal(line.shift(), model.shift())
        else assert.deepEqual(line.take(Number(each)), model.splice(0, Number(each)))
        assert.deepEqual([line.size, line.first, [...line]], [model.length, model[0], model])
      }
    }),
  )
})
