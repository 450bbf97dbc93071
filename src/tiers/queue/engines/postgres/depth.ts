// How much lies in each queue, summed over the shards.

import type { QueueDepth } from '../../contract.ts'

export type DepthRow = Omit<QueueDepth, 'oldestMs' | 'isMore'> & { is_more: boolean; oldest_ms: number }

export function sumByQueue(rows: readonly DepthRow[]): QueueDepth[] {
  const byQueue = new Map<string, QueueDepth>()
  for (const { queue, waiting, delayed, leased, dead, is_more, oldest_ms } of rows) {
    const sum = byQueue.get(queue) ?? { queue, waiting: 0, delayed: 0, leased: 0, dead: 0, isMore: false, oldestMs: 0 }
    sum.waiting += waiting
    sum.delayed += delayed
    sum.leased += leased
    sum.dead += dead
    sum.isMore ||= is_more
    sum.oldestMs = Math.max(sum.oldestMs, oldest_ms)
    byQueue.set(queue, sum)
  }
  return [...byQueue.values()].sort((a, b) => (a.queue < b.queue ? -1 : 1))
}
