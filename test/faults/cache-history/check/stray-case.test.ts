// A read that may be the stated case is told from each that looks like it and is not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Violation } from './check.ts'
import { type Cut, isStrayCase } from './stray-case.ts'

const cut: Cut = { user: 'p1', node: 2, fromMs: 1000, toMs: 2000 }
const terms = { cuts: [cut], homesOf: (key: string) => (key === 'k' ? [2, 0] : [1]), backMsMax: 500, strayMsMax: 2000 }

function violation(change: Partial<Violation> & { process?: string; key?: string; atMs?: number } = {}): Violation {
  const { process = 'p1.3', key = 'k', atMs = 2900, ...rest } = change
  const read = { kind: 'read', by: 'wrap', process, key, seen: 'old', fromMs: atMs, toMs: atMs + 1 } as const
  return { kind: 'old', read, overMs: 400, replacedMs: 1500, message: '', ...rest }
}

test('the read of a process that was cut off from the home of the key, or of its tag, is the stated case', () => {
  assert.ok(isStrayCase(violation(), terms))
  assert.ok(isStrayCase(violation({ kind: 'back' }), terms))
  assert.ok(isStrayCase(violation({ replacedMs: 2400, atMs: 4400 }), terms), 'it was not fully back')
  assert.ok(isStrayCase(violation(), { ...terms, cuts: [{ ...cut, node: 0 }] }), 'the home of its tag')
})

test('no other is: of another process, key or time, too old, or of what nobody wrote', () => {
  const others: Record<string, Violation> = {
    'another process': violation({ process: 'p2.1' }),
    'one with a name that begins alike': violation({ process: 'p11.1' }),
    'a key with another home': violation({ key: 'other' }),
    'changed before the cut': violation({ replacedMs: 999 }),
    'changed when it was back': violation({ replacedMs: 2501 }),
    'read when no stray is left': violation({ atMs: 4501 }),
    'older than a stray may be': violation({ overMs: 2001 }),
    'what nobody wrote': violation({ kind: 'phantom' }),
  }
  for (const [what, other] of Object.entries(others)) assert.ok(!isStrayCase(other, terms), what)
  assert.ok(!isStrayCase(violation(), { ...terms, cuts: [] }), 'nobody was cut off')
})
