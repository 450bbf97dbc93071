// Sizes beside what V8 itself says that the memory costs. Runs in a process of its own, where the collector can be called.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { it } from 'node:test'
import { sizeOf } from './size.ts'

it('counts a value as the worked example says, and ends on circles', () => {
  assert.equal(sizeOf({ id: '7' }), 56)
  const circle: { self?: unknown } = {}
  circle.self = circle
  assert.ok(sizeOf(circle) > 0)
  assert.ok(sizeOf(new Uint8Array(5000)) >= 5000)
  assert.ok(sizeOf('ä'.repeat(1000)) >= 1000 && sizeOf('x'.repeat(1000)) < 1100)
})

for (const kind of ['text', 'record', 'list', 'buffer'])
  it(`a cache full of ${kind}s takes the bytes that it says, within a third`, () => {
    const script = new URL('testing/measure-bytes.ts', import.meta.url).pathname
    const options = ['--expose-gc', '-C', 'source', script, kind]
    const { counted, used } = JSON.parse(execFileSync(process.execPath, options, { encoding: 'utf8' }))
    const ratio = used / counted
    assert.ok(
      ratio > 0.67 && ratio < 1.33,
      `${kind}: ${used} bytes used, ${counted} counted, ratio ${ratio.toFixed(2)}`,
    )
  })
