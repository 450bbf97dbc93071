// Ghosts beside a plain list that says the same.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../../../base/random.ts'
import { Ghosts } from './ghosts.ts'
import type { Place } from './place-queue.ts'

test('remembers the newest of each hash up to a bound in bytes, and each once', () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = seededRandom(seed)
  // Few hashes meet each other often; many fill the table, in which they stand beside each other.
  for (const [hashes, bytesMax] of [
    [16, 300],
    [400, 5000],
    [2 ** 31, 20_000],
  ] as const) {
    const ghosts = new Ghosts()
    const known: number[] = []
    let listed: Array<{ hash: number; bytes: number; isTaken: boolean }> = []
    for (let i = 0; i < 20_000; i++) {
      const [last] = known.slice(-1 - random.int(Math.min(50, known.length + 1)))
      const hash = last !== undefined && random.int(4) === 0 ? last : random.int(hashes)
      if (random.int(3) === 0) {
        const found = listed.findLast((ghost) => ghost.hash === hash)
        const isThere = found !== undefined && !found.isTaken
        if (found) found.isTaken = true
        assert.equal(ghosts.take(hash), isThere, `seed ${seed}, step ${i}`)
      } else {
        const place = { hash, bytes: 1 + random.int(60) }
        // The room of a cache shrinks now and then, and with it what it remembers.
        const bound = random.int(1000) === 0 ? bytesMax / 10 : bytesMax
        ghosts.add(place as Place, bound)
        known.push(hash)
        listed.push({ ...place, isTaken: false })
        let bytes = listed.reduce((sum, ghost) => sum + ghost.bytes, 0)
        let gone = 0
        while (bytes > bound) bytes -= listed[gone++]?.bytes as number
        listed = listed.slice(gone)
      }
    }
  }
})
