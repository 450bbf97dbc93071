// What a scope asks of a read, and how it grows.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NewestScope, Scope } from './scope.ts'

const at = (lsn: bigint, timeline = 1) => ({ timeline, lsn })

test('somebody anonymous may read anything and leaves nothing, until they write', () => {
  const scope = new Scope(undefined)
  assert.deepEqual([scope.neededOf('s1'), scope.remembers('s1'), scope.token], ['anything', false, undefined])
  scope.note('s1', at(16n), 'write')
  assert.deepEqual([scope.neededOf('s1'), scope.remembers('s1')], [at(16n), true])
  assert.deepEqual([scope.neededOf('s2'), scope.token, scope.grewBy], ['anything', 's1.1.10', 'write'])
})

test('somebody unknown reads from the primary, which makes them known', () => {
  for (const token of ['unknown', 'no token', 's1.1.x']) {
    const scope = new Scope(token)
    assert.deepEqual([scope.neededOf('s1'), scope.remembers('s1'), scope.token], [undefined, true, undefined])
    scope.note('s1', at(16n), 'read')
    assert.deepEqual([scope.neededOf('s1'), scope.token, scope.grewBy], [at(16n), 's1.1.10', 'read'])
  }
})

test('of a shard that the token does not name, nothing is known', () => {
  const scope = new Scope('s1.1.10')
  assert.deepEqual([scope.neededOf('s1'), scope.neededOf('s2'), scope.grewBy], [at(16n), undefined, undefined])
})

test('it only grows', () => {
  const scope = new Scope('s1.2.10')
  for (const older of [at(16n, 2), at(15n, 2), at(99n, 1)]) scope.note('s1', older, 'read')
  assert.deepEqual([scope.token, scope.grewBy], ['s1.2.10', undefined])
  scope.note('s1', at(17n, 2), 'write')
  scope.note('s1', at(1n, 3), 'read')
  assert.deepEqual([scope.token, scope.grewBy], ['s1.3.1', 'write'])
})

test('a write whose position was lost makes its shard unknown, and says so to the next request', () => {
  for (const token of [undefined, 's1.1.10']) {
    const scope = new Scope(token)
    scope.forget('s1')
    assert.deepEqual([scope.neededOf('s1'), scope.token, scope.grewBy], [undefined, 'unknown', 'write'])
  }
  const two = new Scope('s1.1.10~s2.1.10')
  two.forget('s1')
  assert.deepEqual([two.neededOf('s1'), two.neededOf('s2'), two.token], [undefined, at(16n), 's2.1.10'])
  const unknown = new Scope('unknown')
  unknown.forget('s1')
  assert.equal(unknown.token, undefined, 'there was nothing to lose')
})

test('the newest is read from the primary, and who reads it has seen it, save somebody anonymous, who has what they write', () => {
  const known = new Scope('s1.1.10')
  const newest = new NewestScope(known)
  assert.deepEqual([newest.neededOf('s1'), newest.remembers('s1')], [undefined, true])
  newest.note('s1', at(32n), 'read')
  assert.deepEqual([newest.neededOf('s1'), known.token, known.grewBy], [at(32n), 's1.1.20', 'read'])
  newest.forget('s1')
  assert.equal(known.neededOf('s1'), undefined)

  const anonymous = new Scope(undefined)
  const theirs = new NewestScope(anonymous)
  theirs.note('s1', at(16n), 'read')
  assert.deepEqual([anonymous.neededOf('s1'), anonymous.token], ['anything', undefined])
  theirs.note('s1', at(32n), 'write')
  assert.deepEqual([anonymous.token, anonymous.grewBy], ['s1.1.20', 'write'])
})
