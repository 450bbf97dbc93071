// What each kind of error says about the statement that met it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TenfoldError } from '../../base/errors.ts'
import { isRead, reported, verdictOf } from './fences.ts'

const serverError = (code: string, message = 'message') =>
  Object.assign(new Error(message), { code, severity: 'ERROR' })
const socketError = (code: string) => Object.assign(new Error(code), { code })
const sent = (text: string) => ({ isSent: true, text, isSharded: (table: string) => table === 'photos' })
const unsent = { ...sent('UPDATE a SET x = 1'), isSent: false }

test('a statement that was never sent is repeated, unless no other attempt could do better', () => {
  for (const error of [
    socketError('ECONNREFUSED'),
    new Error('timeout expired'),
    ...['28000', '57P03', '53300', '08006'].map((code) => serverError(code)),
  ])
    assert.equal(verdictOf(error, unsent), 'again', error.message)
  for (const code of ['28P01', '3D000']) assert.equal(verdictOf(serverError(code), unsent), 'final', code)
  assert.equal(verdictOf(new TenfoldError('overloaded', 'full'), unsent), 'final')
})

test('a server that refused or ended a statement did not run it', () => {
  for (const code of ['57P01', '57P02', '57P03', '25006', '08P01', '26000'])
    assert.equal(verdictOf(serverError(code), sent('UPDATE a SET x = 1')), 'again', code)
  assert.equal(verdictOf(serverError('57P01'), sent('CALL nightly()')), 'unknown')
})

test('a connection that breaks under a write leaves its outcome unknown; a read is repeated', () => {
  for (const error of [
    socketError('ECONNRESET'),
    new Error('Connection terminated unexpectedly'),
    new TenfoldError('timeout', 'silent'),
  ]) {
    assert.equal(verdictOf(error, sent('INSERT INTO a VALUES (1)')), 'unknown')
    assert.equal(verdictOf(error, sent('SELECT * FROM a')), 'again')
  }
})

test('a leaf that is gone may have moved; a table that nobody knows is a mistake', () => {
  const gone = (table: string) => serverError('42P01', `relation "${table}" does not exist`)
  assert.equal(verdictOf(gone('slot_007.photos'), sent('SELECT')), 'again')
  assert.equal(verdictOf(gone('slot_007.typo'), sent('SELECT')), 'final')
  assert.equal(verdictOf(gone('photos'), sent('SELECT')), 'final')
})

test('a plan that a migration outdated is made anew', () => {
  assert.equal(verdictOf(serverError('0A000', 'cached plan must not change result type'), sent('SELECT 1')), 'again')
  assert.equal(verdictOf(serverError('0A000', 'not supported'), sent('SELECT 1')), 'final')
})

test('a statement counts as a read only when its text leaves no doubt', () => {
  for (const text of [
    'select 1',
    ' SELECT * FROM a',
    'with x as (select 1) select * from x',
    'VALUES (1)',
    'show work_mem',
  ])
    assert.equal(isRead(text), true, text)
  for (const text of [
    'insert into a values (1)',
    'with x as (delete from a returning *) select * from x',
    'select * from a for update',
    'select * from a for no key update',
    'select * from a for share',
    'select * into b from a',
    "select nextval('s')",
    'select pg_advisory_lock(1)',
    'select pg_try_advisory_xact_lock(1)',
    'explain analyze update a set x = 1',
    'commit',
    '',
  ])
    assert.equal(isRead(text), false, text)
})

test("the app's own errors stay PostgreSQL's, the system's get our codes", () => {
  const unique = serverError('23505')
  assert.equal(reported(unique), unique)
  for (const [sqlState, code] of [
    ['57014', 'timeout'],
    ['53100', 'disk-full'],
    ['28P01', 'unauthorized'],
  ] as const)
    assert.equal((reported(serverError(sqlState)) as TenfoldError).code, code)
  const check = Object.assign(serverError('23514'), { schema: 'slot_001', table: 'a', constraint: 'a_check' })
  assert.equal(reported(check), check)
})
