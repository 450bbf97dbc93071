// A database that is away is told of, and does not fill the log.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ManualClock } from '../../../base/clock.ts'
import { SeldomWarning } from './seldom-warning.ts'

it('the first is told at once, and later ones together every few seconds', async () => {
  const clock = new ManualClock()
  const told: string[] = []
  const warning = new SeldomWarning({ warn: (_about: unknown, text?: string) => void told.push(String(text)) }, clock)
  for (let i = 0; i < 1000; i++) {
    warning.warn({ i }, 'a waiting write waits on')
    await clock.advance(6)
  }
  assert.deepEqual(told, ['a waiting write waits on', 'a waiting write waits on (and 833 times like it)'])
  await clock.advance(60_000)
  warning.warn({}, 'another')
  assert.equal(told.at(-1), 'another (and 165 times like it)')
})
