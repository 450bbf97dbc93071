// How much lies in each queue, summed over the shards.

import type { QueueEngine } from '../../contract.ts'

type Depth = Awaited<ReturnType<QueueEngine['depth']>>[number]
export type DepthRow = Omit<Depth, 'oldestMs'> & { oldest_ms: number }

export function sumByQueue(rows: readonly DepthRow[]): Depth[] {
  const byQueue = new Map<string, Depth>()
  for (const { queue, waiting, leased, dead, oldest_ms } of rows) {
    const sum = byQueue.get(queue) ?? { queue, waiting: 0, leased: 0, dead: 0, oldestMs: 0 }
    sum.waiting += waiting
    sum.leased += leased
    sum.dead += dead
    sum.oldestMs = Math.max(sum.oldestMs, oldest_ms)
    byQueue.set(queue, sum)
  }
  return [...byQueue.values()].sort((a, b) => (a.queue < b.queue ? -1 : 1))
}
