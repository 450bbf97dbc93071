// The map's layout over any system: nothing lies on anything else, and every frame holds what is its own.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StatusNode } from '../../../control/api.ts'
import type { Box } from './box.ts'
import { fitMap } from './fit.ts'
import { layoutMap } from './layout.ts'

const roles = ['front', 'web', 'redis', 'postgres', 'nats', 'worker'] as const

function nodeOf(role: StatusNode['role'], number: number, host: number, region = 'us-east'): StatusNode {
  return {
    id: `${region}/${role}-${number}`,
    role,
    region,
    host: `${region}/host-${host}`,
    address: '127.0.0.1',
    port: 41000,
    pid: 1,
    state: 'ready',
    since: '2026-01-01T00:00:00.000Z',
    restarts: 0,
    entry: role === 'front',
  }
}

const systems = fc
  .array(
    fc.record({
      role: fc.constantFrom(...roles),
      host: fc.integer({ min: 1, max: 6 }),
      region: fc.constantFrom('us-east', 'eu-west'),
    }),
    { minLength: 1, maxLength: 24 },
  )
  .map((list) => list.map(({ role, host, region }, index) => nodeOf(role, index + 1, host, region)))

const spaces = fc.record({ width: fc.integer({ min: 320, max: 2600 }), height: fc.integer({ min: 200, max: 1400 }) })

test('no two cards overlap, and each is inside its region and its host', () => {
  fc.assert(
    fc.property(systems, spaces, (nodes, space) => {
      const layout = layoutMap(nodes, space)
      const cards = nodes.map((node) => layout.nodes.get(node.id) ?? assert.fail(`${node.id} has no place`))
      cards.forEach((card, index) => {
        for (const other of cards.slice(index + 1)) assert.ok(!overlap(card, other), 'two cards overlap')
      })
      for (const [index, node] of nodes.entries()) {
        const card = cards[index] as Box
        assert.ok(layout.regions.some((frame) => frame.id === node.region && contains(frame, card)))
        const host = layout.hosts.find((frame) => frame.id === node.host)
        assert.ok(host === undefined || contains(host, card), `${node.id} is outside its host`)
        assert.ok(!overlap(card, layout.address) && !overlap(card, layout.clients))
      }
      layout.hosts.forEach((host, index) => {
        for (const other of layout.hosts.slice(index + 1)) assert.ok(!overlap(host, other), 'two hosts overlap')
      })
      assert.ok(layout.regions.every((frame) => contains({ x: 0, y: 0, ...sizeOf(layout) }, frame)))
    }),
    { numRuns: 300 },
  )
})

test('a request walks to the right on a wide page and down on a narrow one', () => {
  const nodes = [nodeOf('front', 1, 3), nodeOf('web', 1, 1), nodeOf('web', 2, 4), nodeOf('postgres', 1, 2)]
  for (const [width, axis] of [
    [1200, 'x'],
    [390, 'y'],
  ] as const) {
    const layout = layoutMap(nodes, { width, height: 500 })
    const way = [
      layout.clients,
      layout.address,
      ...['front-1', 'web-1', 'postgres-1'].map((name) => layout.nodes.get(`us-east/${name}`)),
    ]
    const starts = way.map((box) => box?.[axis] ?? Number.NaN)
    assert.deepEqual(
      starts,
      starts.toSorted((a, b) => a - b),
    )
    assert.ok(starts.every(Number.isFinite))
  }
})

test('a database beside its web server shares the frame of one host', () => {
  const nodes = [nodeOf('web', 1, 1), nodeOf('postgres', 1, 1)]
  assert.equal(layoutMap(nodes, { width: 1200, height: 500 }).hosts.length, 1)
})

test('a system that is too wide for the page is made smaller, to a limit', () => {
  const nodes = [nodeOf('front', 1, 1), nodeOf('web', 1, 2), nodeOf('postgres', 1, 3), nodeOf('worker', 1, 4)]
  const { layout, zoom } = fitMap(nodes, { width: 1120, height: 540 })
  assert.ok(zoom < 1 && zoom >= 0.78)
  assert.ok(layout.width * zoom <= 1121)
})

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

/** Half a pixel of play for rounding. */
function contains(outer: Box, inner: Box): boolean {
  return (
    inner.x >= outer.x - 0.5 &&
    inner.y >= outer.y - 0.5 &&
    inner.x + inner.width <= outer.x + outer.width + 0.5 &&
    inner.y + inner.height <= outer.y + outer.height + 0.5
  )
}

function sizeOf({ width, height }: { width: number; height: number }) {
  return { width, height }
}
