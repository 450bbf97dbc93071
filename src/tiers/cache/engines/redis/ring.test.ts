// The ring: fair, the same everywhere, and a server that goes or comes moves its own share only.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { partitionCount, partitionOf, Ring } from './ring.ts'

const partitions = Array.from({ length: partitionCount }, (_, i) => i)
const names = (count: number) => Array.from({ length: count }, (_, i) => `10.0.0.${i}:6379`)

function sharesOf(owners: ReadonlyArray<number | undefined>, count: number): number[] {
  const shares = new Array<number>(count).fill(0)
  for (const owner of owners) if (owner !== undefined) shares[owner] = (shares[owner] ?? 0) + 1
  return shares
}

it('no server has more than a tenth above its fair share, also of what a dead one leaves', () => {
  for (const count of [1, 2, 3, 5, 16]) {
    const ring = new Ring(names(count))
    const fair = partitionCount / count
    assert.ok(
      Math.max(
        ...sharesOf(
          partitions.map((p) => ring.ownerOf(p)),
          count,
        ),
      ) <= Math.ceil(1.1 * fair),
    )
    if (count === 1) continue
    const left = sharesOf(
      partitions.map((p) => ring.substituteOf(p, new Set([0]))),
      count,
    )
    assert.equal(left[0], 0)
    assert.ok(Math.max(...left) <= Math.ceil((1.1 * partitionCount) / (count - 1)), `${count}: ${left}`)
  }
})

it('whoever is down, partitions of the others stay where they are, and all of them have somebody', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 8 }), fc.array(fc.nat(7), { maxLength: 8 }), (count, downs) => {
      const ring = new Ring(names(count))
      const down = new Set(downs.map((i) => i % count))
      for (const partition of partitions.filter((p) => p % 37 === 0)) {
        const owner = ring.ownerOf(partition)
        const substitute = ring.substituteOf(partition, down)
        if (down.size === count) assert.equal(substitute, undefined)
        else if (down.has(owner)) assert.ok(substitute !== undefined && !down.has(substitute))
        else assert.equal(substitute, owner)
      }
    }),
    { numRuns: 50 },
  )
})

it('a fourth server takes about a quarter, and little moves between the other three', () => {
  const [three, four] = [new Ring(names(3)), new Ring(names(4))]
  const moved = partitions.filter((p) => three.ownerOf(p) !== four.ownerOf(p))
  const toOthers = moved.filter((p) => four.ownerOf(p) !== 3)
  assert.ok(moved.length < 0.35 * partitionCount, `${moved.length} moved`)
  assert.ok(toOthers.length < 0.05 * partitionCount, `${toOthers.length} moved between the three`)
})

it('keys fall evenly into partitions, like ones too', () => {
  const counts = new Array<number>(16).fill(0)
  for (let i = 0; i < 16_000; i++)
    counts[partitionOf(`user:${i}`) % 16] = (counts[partitionOf(`user:${i}`) % 16] ?? 0) + 1
  assert.ok(Math.min(...counts) > 850 && Math.max(...counts) < 1150, String(counts))
})
