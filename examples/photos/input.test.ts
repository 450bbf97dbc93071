// What the API refuses to read, and what it makes of the rest.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { captionQuery, commentBody, listQuery, nameBody, photoIdsOf, read, tipBody, userIdOf } from './input.ts'
import { uuidv7 } from './uuid.ts'

const nameOf = (name: unknown) => read(nameBody, { name }, 'body').name
const refused = { code: 'bad-input' }

test('a name is trimmed, and any printable characters do, also those that look like SQL', () => {
  assert.equal(nameOf('  Ada  '), 'Ada')
  assert.equal(nameOf(`Robert'); DROP TABLE users;--`), `Robert'); DROP TABLE users;--`)
  assert.equal(nameOf('Zoë 🌸 王小明'), 'Zoë 🌸 王小明')
  assert.equal(nameOf('🌸'.repeat(60)), '🌸'.repeat(60))
})

test('a name that is empty, too long, invisible or no text is refused by saying what is wrong', () => {
  for (const name of [
    '',
    '   ',
    'x'.repeat(61),
    'a\u0000b',
    'a\u202eb',
    'a\nb',
    'a\u200bb',
    '\ud800',
    7,
    null,
    undefined,
    {},
  ])
    assert.throws(() => nameOf(name), refused, JSON.stringify(name))
  assert.throws(() => nameOf('x'.repeat(61)), {
    message: /^body\.name: expected 1 to 60 characters, got "x+"\.\.\.$|got "x+/,
  })
  for (const body of [undefined, null, [], 'name']) assert.throws(() => read(nameBody, body, 'body'), refused)
})

test('lists take 1 to 50 photos and go on after the id of one', () => {
  assert.deepEqual(read(listQuery, {}, 'query'), { limit: 20 })
  const before = uuidv7()
  assert.deepEqual(read(listQuery, { limit: '50', before }, 'query'), { limit: 50, before })
  for (const query of [
    { limit: '0' },
    { limit: '51' },
    { limit: '1.5' },
    { limit: 'ten' },
    { limit: '' },
    { before: 'x' },
  ])
    assert.throws(() => read(listQuery, query, 'query'), refused, JSON.stringify(query))
})

test('tips are whole cents, at least one', () => {
  assert.deepEqual(read(tipBody, { toUserId: '12', cents: 100 }, 'body'), { toUserId: '12', cents: 100 })
  for (const cents of [0, -1, 1.5, Number.NaN, 1e9, null, '', true])
    assert.throws(() => read(tipBody, { toUserId: '12', cents }, 'body'), refused, String(cents))
  assert.throws(() => read(tipBody, { toUserId: '1 OR 1=1', cents: 1 }, 'body'), refused)
})

test('captions and comments keep lines, and lose what PostgreSQL cannot store', () => {
  assert.equal(read(captionQuery, {}, 'query').caption, '')
  assert.equal(read(commentBody, { text: ' a\r\nb ' }, 'body').text, 'a\nb')
  for (const text of ['', ' ', 'a\u0000', '\udc00', 'x'.repeat(1001)])
    assert.throws(() => read(commentBody, { text }, 'body'), refused)
})

test('an id that cannot be one is as unknown as one that nobody has', () => {
  assert.equal(userIdOf({ id: '9223372036854775807' }), '9223372036854775807')
  for (const id of ['0', '-1', 'abc', '1e3', '92233720368547758070', '1;drop table users'])
    assert.throws(() => userIdOf({ id }), { code: 'not-found' }, id)
  assert.throws(() => photoIdsOf({ userId: '1', id: 'nope' }), { code: 'not-found' })
})
