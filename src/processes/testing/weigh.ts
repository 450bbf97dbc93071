// Read by a process before its own script (`--import`, with `--expose-gc`): it says what it weighs when its parent asks. Told
// to, it keeps a little of every connection from then on, so that whoever watches the weight can show that it would see that.

import { subscribe } from 'node:diagnostics_channel'
import { setImmediate } from 'node:timers/promises'

export type Order = 'weigh' | 'leak'

export interface Weight {
  /** What is left of the heap when everything unused is gone. */
  heapBytes: number
  /** Of buffers and the like, outside the heap. */
  outsideBytes: number
  rssBytes: number
}

const kept: unknown[] = []

process.on('message', async (order: Order) => {
  if (order === 'leak') subscribe('net.server.socket', () => void kept.push({ at: Date.now() }))
  // What was closed in a turn is let go of in the next one.
  for (let turn = 0; turn < 3; turn++) {
    await setImmediate()
    globalThis.gc?.()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  process.send?.({ heapBytes: heapUsed, outsideBytes: external, rssBytes: rss } satisfies Weight)
})
