// Debts to one server: what is owed while it is being paid stays owed.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Owed } from './owed.ts'

describe('deletions that are owed', () => {
  it('a debt that is made again while it is paid stays: its deletion may have come before the second change', async () => {
    const owed = new Owed(10)
    owed.add(['a', 'b'])
    await owed.settleNamed(async ([, name]) => {
      if (name === 'a') owed.add(['a'])
    })
    assert.deepEqual([owed.has('a'), owed.has('b')], [true, false])
    await owed.settleNamed(async () => {})
    assert.equal(owed.isEmpty, true)
  })

  it('what is owed while everything is deleted stays, key by key and everything again', async () => {
    const owed = new Owed(2)
    owed.add(['a', 'b', 'c'])
    assert.equal(owed.has('anything'), true, 'more than can be named')
    const deleted: string[] = []
    const send = async ([, name]: readonly unknown[]) => deleted.push(String(name))
    await owed.settle(send, async () => owed.add(['d']))
    assert.deepEqual([deleted, owed.isEmpty], [['d'], true])
    owed.addEverything()
    await owed.settle(send, async () => owed.addEverything())
    assert.equal(owed.has('anything'), true)
    await owed.settle(send, async () => {})
    assert.equal(owed.isEmpty, true)
  })

  it('what could not be deleted is owed as before', async () => {
    const owed = new Owed(10)
    owed.add(['a', 'b'])
    const onlyA = async ([, name]: readonly unknown[]) => {
      if (name !== 'a') throw new Error('no answer')
    }
    await assert.rejects(owed.settleNamed(onlyA), { code: 'unavailable' })
    assert.deepEqual([owed.has('a'), owed.has('b')], [false, true])
  })
})
