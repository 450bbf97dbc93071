// What a queue takes and what it refuses, for names, options and payloads of any kind.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTenfoldError } from '../../base/errors.ts'
import type { Payload, PublishOptions } from './contract.ts'
import { checkHandleOptions, checkJob, checkQueueName, handleDefaults, noOptions } from './options.ts'

function codeOf(work: () => unknown): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    assert.ok(isTenfoldError(error), String(error))
    return error.code
  }
}

test('a name of a queue is letters, digits, dots, dashes and underscores, whatever else is tried', () => {
  const isName = (name: string) => /^[a-z0-9]/i.test(name) && /^[\w.-]{1,100}$/.test(name) && !/[^\x20-\x7e]/.test(name)
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\w.-]{0,101}$/)), (name) => {
      assert.equal(codeOf(() => checkQueueName(name)) === undefined, isName(name))
    }),
  )
})

test('any object of JSON passes and stays what it was; text that no database stores is refused, wherever it hides', () => {
  const text = fc.string({ unit: 'binary', maxLength: 10 })
  const awkward = fc.oneof(text, fc.constantFrom('\0', '\ud800', '\udfff x', '\\u0000', '\\\\ud800', '\ud83d\ude00'))
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'json' },
      ...[awkward, fc.integer(), fc.boolean(), fc.constant(null)],
      ...[fc.array(tie('any'), { maxLength: 3, depthIdentifier: 'json' }), tie('object')],
    ),
    object: fc.dictionary(awkward, tie('any'), { maxKeys: 3, depthIdentifier: 'json' }),
  }))
  fc.assert(
    fc.property(value.object, (object) => {
      const payload = object as Payload
      const json = JSON.stringify(payload)
      if (json.length > 50_000) return
      const isStorable = textsOf(payload).every((each) => each.isWellFormed() && !each.includes('\0'))
      const code = codeOf(() => assert.equal(checkJob('q', payload, noOptions).body, json))
      assert.equal(code, isStorable ? undefined : 'bad-input', json)
    }),
  )
})

test('options of a publish are held to their bounds, and each by itself is fine within', () => {
  const fine: PublishOptions[] = [
    { delayMs: 0, priority: 9, key: 'user 7', deduplicationId: 'a', deduplicationWindowMs: 0 },
    { delayMs: 366 * 86_400_000 },
  ]
  for (const options of fine)
    assert.equal(
      codeOf(() => checkJob('q', {}, options)),
      undefined,
    )
  const wrong: PublishOptions[] = [
    ...[{ delayMs: -1 }, { delayMs: Number.NaN }, { delayMs: 1e12 }, { priority: 0.5 }, { priority: -1 }],
    ...[{ key: '' }, { key: 'x'.repeat(256) }, { key: 'é' }, { deduplicationId: 'line\nbreak' }],
    ...[{ deduplicationWindowMs: 1 }, { deduplicationId: 'a', deduplicationWindowMs: -1 }],
  ]
  for (const options of wrong)
    assert.equal(
      codeOf(() => checkJob('q', {}, options)),
      'bad-input',
      JSON.stringify(options),
    )
})

test('options of a handler: defaults where nothing is said, and no number that makes no sense', () => {
  assert.deepEqual(checkHandleOptions('q', {}), handleDefaults)
  fc.assert(
    fc.property(
      fc.constantFrom(
        'concurrency',
        'concurrencyMax',
        'attemptsMax',
        'leaseMs',
        'timeoutMs',
        'heartbeatMs',
        'batchMax',
      ),
      fc.oneof(fc.double(), fc.integer({ max: 0 }), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 1.5, 1e9)),
      (name, value) => {
        if (Number.isInteger(value) && value > 0 && value < 1e9) return
        assert.equal(
          codeOf(() => checkHandleOptions('q', { [name]: value })),
          'bad-input',
          `${name}: ${value}`,
        )
      },
    ),
  )
})

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [key, ...textsOf(inner)])
}
