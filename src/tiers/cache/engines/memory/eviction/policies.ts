// The policies by the names that options use.

import { Adaptive } from './adaptive.ts'
import type { Eviction } from './eviction.ts'
import { Fifo } from './fifo.ts'
import { Lfu } from './lfu.ts'
import { Lru } from './lru.ts'
import { S3Fifo } from './s3-fifo.ts'

export type EvictionName = 'adaptive' | 's3-fifo' | 'lru' | 'lfu' | 'fifo'

export const evictions: Record<EvictionName, (roomBytes: number) => Eviction> = {
  adaptive: (roomBytes) => new Adaptive({ roomBytes }),
  's3-fifo': (roomBytes) => new S3Fifo({ roomBytes }),
  lru: () => new Lru(),
  lfu: () => new Lfu(),
  fifo: () => new Fifo(),
}
