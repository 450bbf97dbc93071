// Times as people say them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ago, counted } from './time.ts'

test('ages are said in the largest unit that fits', () => {
  const now = Date.parse('2026-11-21T12:00:00Z')
  const said = (at: string) => ago(at, now).text.replace(/<[^>]+>/g, '')
  assert.equal(said('2026-11-21T11:59:30.000Z'), 'just now')
  assert.equal(said('2026-11-21T11:18:00.000Z'), '42 min')
  assert.equal(said('2026-11-21T01:00:00.000Z'), '11 h')
  assert.equal(said('2026-11-18T12:00:00.000Z'), '3 d')
  assert.equal(said('2026-01-02T12:00:00.000Z'), 'Jan 2, 2026')
})

test('counts agree with their noun', () => {
  assert.equal(counted(1, 'photo', 'photos'), '1 photo')
  assert.equal(counted(1200, 'photo', 'photos'), '1,200 photos')
})
