// The sums tell work from waiting.

import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { processUse } from './process-use.ts'

test('work counts as active and as CPU, waiting as idle', async () => {
  await sleep(1) // the loop counts from its first turn on
  const [first, startMs] = [processUse(), performance.now()]
  while (performance.now() - startMs < 100);
  const worked = processUse()
  assert.ok(worked.activeMs - first.activeMs >= 90, `${worked.activeMs - first.activeMs} ms active`)
  assert.ok(worked.cpuMs > first.cpuMs)
  assert.ok(worked.cores >= 1)
  await sleep(100)
  assert.ok(processUse().idleMs > worked.idleMs)
})
