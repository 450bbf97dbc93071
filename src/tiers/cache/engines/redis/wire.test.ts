// What is written can be read, the same, and what cannot be read is missing and not guessed.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { keptOf } from '../../testing/kept.ts'
import { form, read, write } from './wire.ts'

const bytesMax = 1024 * 1024

/** As the server puts it together, see scripts.ts. */
function stored(value: unknown, tags: ReadonlyArray<readonly [string, string]> = [], version = '0000000000000007') {
  const { kind, rest } = write(keptOf(value), tags, bytesMax)
  return Buffer.concat([Buffer.from(form + kind + version), rest])
}

it('gives back any value that structured clone knows, equal in every bit', () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
      (value) => {
        assert.deepStrictEqual(read(stored(value))?.kept.value, structuredClone(value))
      },
    ),
    { numRuns: 500 },
  )
})

it('writes as JSON what JSON gives back, so that people can read it', () => {
  assert.match(stored({ a: [1, null, 'x'] }).toString(), /^1j0{15}7\[\d+,\d+,0\]\n\{"a":\[1,null,"x"\]\}$/)
  assert.match(stored('text').toString(), /^1s0{15}7\[\d+,\d+,0\]\ntext$/)
  for (const value of [new Date(0), [Number.NaN], -0, { a: undefined }, { toJSON: 1 }]) {
    assert.equal(stored(value).toString('latin1', 1, 2), 'c')
    assert.deepStrictEqual(read(stored(value))?.kept.value, value)
  }
})

it('keeps tags and their versions with the value', () => {
  const tags = [
    ['a "tag"', 'v1'],
    ['é\n', 'v2'],
  ] as const
  const found = read(stored('x', tags))
  assert.deepEqual(found?.tags, tags)
  assert.deepEqual(found?.kept.tags, ['a "tag"', 'é\n'])
})

it('takes a form from the future, and what is damaged, for missing', () => {
  const good = stored({ a: 1 })
  assert.equal(read(Buffer.from(`2${good.toString().slice(1)}`)), undefined)
  for (let end = 0; end < good.length; end++) assert.equal(read(good.subarray(0, end)), undefined, `cut at ${end}`)
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      read(Buffer.concat([good.subarray(0, 30), bytes])) // does not throw
    }),
  )
})

it('refuses what is too large and what cannot be written, and ends on circles', () => {
  assert.throws(() => write(keptOf('x'.repeat(11)), [], 10), { code: 'too-large' })
  assert.throws(() => write(keptOf({ f: () => 1 }), [], bytesMax), { code: 'bad-input' })
  const circle: { self?: unknown } = {}
  circle.self = circle
  const found = read(stored(circle))?.kept.value as typeof circle
  assert.equal(found.self, found)
})
