// The cookie of a session: signed, found among others, and no way to make us reckon.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { newSessionId, readCookie, writeCookie } from './cookie.ts'

const key = 'a key of the tests'

function pairOf(id: string, signedBy = key): string {
  return writeCookie(id, signedBy, { isSecure: false, maxAgeMs: 1000 }).split(';')[0] as string
}

it('is found beside one of another key and what has another form, and says whose it is', () => {
  const id = newSessionId()
  const header = ['a=b', 'tenfold.sid=short', pairOf(newSessionId(), 'another'), pairOf(id)].join('; ')
  assert.deepEqual(readCookie(header, ['new', key]), { id, key })
  assert.equal(readCookie(pairOf(id, 'another'), [key]), 'unknown-key')
  assert.equal(readCookie('a=b; tenfold.sid=', [key]), undefined)
})

it('of many that are forged, only the first few are tried', () => {
  const id = newSessionId()
  const forged = (count: number) => Array.from({ length: count }, () => pairOf(newSessionId(), 'forged'))
  assert.deepEqual(readCookie([...forged(3), pairOf(id)].join('; '), [key]), { id, key })
  assert.equal(readCookie([...forged(4), pairOf(id)].join('; '), [key]), 'unknown-key')
})
