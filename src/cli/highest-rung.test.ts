// How far a tour goes on a machine with the programs of the cache tier, and on one without them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TenfoldError } from '../base/errors.ts'
import { highestBuiltRung } from '../topology/rungs.ts'
import { highestRungHere } from './highest-rung.ts'

test('a machine without Redis is toured up to replication, and told why; any other trouble is no reason', async () => {
  const notes: string[] = []
  const note = (text: string) => void notes.push(text)
  assert.equal(await highestRungHere(note, async () => {}), highestBuiltRung)
  assert.deepEqual(notes, [])
  const missing = async () => {
    throw new TenfoldError('program-missing', 'Redis was not found: apt install redis-server')
  }
  assert.equal(await highestRungHere(note, missing), 4)
  assert.match(notes.join(), /rung 4.*apt install redis-server/)
  const broken = async () => {
    throw new Error('broken')
  }
  await assert.rejects(highestRungHere(note, broken), /broken/)
})
