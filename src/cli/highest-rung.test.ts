// How far a tour goes on a machine with the programs of the upper rungs, and on one that lacks some.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TenfoldError } from '../base/errors.ts'
import { highestBuiltRung } from '../topology/rungs.ts'
import type { Topology } from '../topology/schema.ts'
import { highestRungHere } from './highest-rung.ts'

const isThere = async () => {}
const missing = (program: string) => async () => {
  throw new TenfoldError('program-missing', `${program} was not found: apt install ${program}`)
}
const needs = (redis: () => Promise<void>, nats: () => Promise<void>) => [
  { isNeeded: ({ cache }: Topology) => cache.nodes > 0, check: redis },
  { isNeeded: ({ queue }: Topology) => queue.engine === 'jetstream', check: nats },
]

test('a machine that lacks a program is toured up to the rung below, and told why; any other trouble is no reason', async () => {
  const notes: string[] = []
  const note = (text: string) => void notes.push(text)
  assert.equal(await highestRungHere(note, needs(isThere, isThere)), highestBuiltRung)
  assert.deepEqual(notes, [])
  assert.equal(await highestRungHere(note, needs(isThere, missing('nats-server'))), 7)
  assert.match(notes.join(), /rung 7.*apt install nats-server/)
  notes.length = 0
  assert.equal(await highestRungHere(note, needs(missing('redis-server'), missing('nats-server'))), 4)
  assert.equal(notes.length, 1)
  assert.match(notes.join(), /rung 4.*apt install redis-server/)
  const broken = async () => {
    throw new Error('broken')
  }
  await assert.rejects(highestRungHere(note, needs(isThere, broken)), /broken/)
})
