// The suite of the session tier: every engine's test calls it.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import type { SessionEngine } from './contract.ts'
import { newSessionId, writeCookie } from './cookie.ts'
import { openSessions } from './session.ts'
import { openUserSessions } from './user-sessions.ts'

export interface SessionConformance {
  /** The engine under test; it may hold sessions of other tests. */
  engine(): SessionEngine
}

/** A twentieth of it, after which use is written, is longer than any machine stands still. */
const idleMs = 1_200_000
const cookieKeys = ['the first key', 'the second key']

export function sessionConformance(name: string, { engine }: SessionConformance): void {
  const open = () => openSessions(engine(), { idleMs, cookieKeys })

  describe(`session engine ${name}`, () => {
    it('knows no session that nobody made', async () => {
      assert.equal(await engine().load(newSessionId()), undefined)
      assert.equal(await engine().merge(newSessionId(), { a: 1 }, idleMs), false)
    })

    it('merges field by field: 50 writers at the same time keep all 50 fields', async () => {
      const id = newSessionId()
      await engine().create(id, { userId: '7' }, idleMs)
      await Promise.all(Array.from({ length: 50 }, (_, i) => engine().merge(id, { [`field${i}`]: i }, idleMs)))
      const expected = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`field${i}`, i]))
      assert.deepEqual((await engine().load(id))?.fields, { userId: '7', ...expected })
    })

    it('removes what is changed to null and keeps nested values whole', async () => {
      const id = newSessionId()
      await engine().create(id, { a: 1, b: 2 }, idleMs)
      await engine().merge(id, { a: null, cart: { items: [1, { n: null }] } }, idleMs)
      assert.deepEqual((await engine().load(id))?.fields, { b: 2, cart: { items: [1, { n: null }] } })
    })

    it('is not brought back by a writer beside a logout', async () => {
      const id = newSessionId()
      await engine().create(id, { userId: '7' }, idleMs)
      await engine().destroy(id)
      assert.equal(await engine().merge(id, { seen: true }, idleMs), false)
      assert.equal(await engine().load(id), undefined)
    })

    it('ends when it is idle for too long, lives on by use, and is swept', async () => {
      const [idle, used] = [newSessionId(), newSessionId()]
      await engine().create(idle, {}, 30)
      await engine().create(used, {}, 10_000)
      assert.equal(await engine().merge(used, {}, idleMs), true)
      await waitUntil(async () => !(await engine().load(idle)), { what: 'the end of a session', timeoutMs: 5000 })
      assert.equal(await engine().merge(idle, { a: 1 }, idleMs), false)
      await engine().sweep()
      const left = await engine().load(used)
      assert.ok(left && left.idleLeftMs > 30_000, 'a session that is alive is not swept')
    })

    it('lists the sessions of a user, what was used last first, and nobody else’s', async () => {
      const userId = newSessionId()
      const [old, used] = [newSessionId(), newSessionId()]
      await engine().create(old, { userId, device: 'phone' }, idleMs / 2)
      await engine().create(used, { userId }, idleMs / 4)
      await engine().create(newSessionId(), { userId: `${userId}0` }, idleMs)
      await engine().create(newSessionId(), { userId }, -1)
      await engine().create(newSessionId(), { cart: [userId] }, idleMs)
      await engine().merge(used, { device: 'laptop' }, idleMs)
      const listed = await engine().list(userId)
      assert.deepEqual(
        listed.map(({ id, fields }) => [id, fields]),
        [
          [used, { userId, device: 'laptop' }],
          [old, { userId, device: 'phone' }],
        ],
      )
      const [newest] = listed
      assert.ok(newest && newest.idleLeftMs > idleMs / 2 && newest.idleLeftMs <= idleMs)
      assert.ok(newest.createdAt instanceof Date)
      assert.deepEqual(await engine().list(newSessionId()), [])
    })

    it('revokes one session, and all of a user but one', async () => {
      const users = openUserSessions(engine())
      const userId = newSessionId()
      const [own, stolen, ...others] = Array.from({ length: 30 }, newSessionId) as [string, string, ...string[]]
      for (const id of [own, stolen, ...others]) await engine().create(id, { userId }, idleMs)
      assert.equal(await users.revoke(stolen), true)
      assert.equal(await users.revoke(stolen), false)
      assert.equal(await engine().load(stolen), undefined)
      assert.equal(await engine().merge(stolen, { back: true }, idleMs), false)
      assert.equal(await users.revokeAll(userId, { except: own }), others.length)
      assert.deepEqual(
        (await users.list(userId)).map(({ id }) => id),
        [own],
      )
      assert.deepEqual((await engine().load(own))?.fields, { userId })
      assert.equal(await users.revokeAll(userId), 1)
      assert.equal(await users.revokeAll(userId), 0)
      for (const wrong of ['', undefined as unknown as string]) {
        await assert.rejects(users.list(wrong), { code: 'bad-input' })
        await assert.rejects(users.revoke(wrong), { code: 'bad-input' })
        await assert.rejects(users.revokeAll(wrong), { code: 'bad-input' })
      }
    })

    it('a visitor who stores nothing gets no cookie and asks the engine nothing', async () => {
      const sessions = open()
      for (const header of ['', 'other=1; tenfold.sidx=2; a=tenfold.sid']) {
        const session = await sessions.open(header)
        assert.equal(session.userId, undefined)
        session.set('nothing', undefined)
        assert.equal(await sessions.save(session, { protocol: 'http' }), undefined)
      }
    })

    it('keeps what was set, under a cookie that scripts cannot read', async () => {
      const sessions = open()
      const first = sessions.empty()
      first.set('theme', 'dark')
      assert.equal(first.get('theme'), 'dark')
      const cookie = await sessions.save(first, { protocol: 'https' })
      assert.match(
        cookie ?? '',
        /^tenfold\.sid=[\w-]{24}\.[\w-]{43}; Max-Age=1200; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
      )
      const second = await sessions.open(`a=b; ${sent(cookie)}; c=d`)
      assert.equal(second.get('theme'), 'dark')
      assert.equal(await sessions.save(second, { protocol: 'https' }), undefined, 'a read writes nothing')
    })

    it('a user has as long a name as can be looked for, and no longer', async () => {
      const sessions = open()
      const session = sessions.empty()
      const longest = randomBytes(511).toString('hex') // and its quotes
      assert.throws(() => session.set('userId', `${longest}0`), { code: 'too-large' })
      session.userId = longest
      const cookie = sent(await sessions.save(session, { protocol: 'http' }))
      assert.equal((await sessions.open(cookie)).userId, longest)
      assert.equal((await openUserSessions(engine()).list(longest)).length, 1)
    })

    it('gives a new id to who logs in, and ends the old one', async () => {
      const sessions = open()
      const visitor = sessions.empty()
      visitor.set('cart', [1, 2])
      const before = sent(await sessions.save(visitor, { protocol: 'http' }))
      const login = await sessions.open(before)
      login.userId = '7'
      const after = sent(await sessions.save(login, { protocol: 'http' }))
      assert.notEqual(after, before)
      assert.equal((await sessions.open(before)).get('cart'), undefined, 'an id from before the login is worth nothing')
      const user = await sessions.open(after)
      assert.deepEqual([user.userId, user.get('cart')], ['7', [1, 2]])
    })

    it('a logout ends the session and clears the cookie; a login in the same answer starts from nothing', async () => {
      const sessions = open()
      const login = sessions.empty()
      login.userId = '7'
      login.set('secret', 'of 7')
      const cookie = sent(await sessions.save(login, { protocol: 'http' }))
      const change = await sessions.open(cookie)
      change.destroy()
      assert.equal(change.userId, undefined)
      change.userId = '8'
      assert.equal(change.get('secret'), undefined)
      const other = sent(await sessions.save(change, { protocol: 'http' }))
      const next = await sessions.open(other)
      assert.deepEqual([next.userId, next.get('secret')], ['8', undefined])
      next.destroy()
      assert.match((await sessions.save(next, { protocol: 'http' })) ?? '', /^tenfold\.sid=; Max-Age=0;/)
      assert.equal((await sessions.open(other)).userId, undefined)
      assert.equal((await sessions.open(cookie)).userId, undefined)
    })

    it('believes no cookie that it did not sign, and all that a known key signed', async () => {
      const old = openSessions(engine(), { idleMs, cookieKeys: ['the second key'] })
      const session = old.empty()
      session.userId = '7'
      const cookie = sent(await old.save(session, { protocol: 'http' }))
      assert.equal((await open().open(cookie)).userId, '7')
      const strange = openSessions(engine(), { idleMs, cookieKeys: ['another key'] })
      assert.equal((await strange.open(cookie)).userId, undefined)
      const forged = cookie.replace(/=./, (start) => (start === '=A' ? '=B' : '=A'))
      assert.equal((await open().open(forged)).userId, undefined)
    })

    it('moves to a new key without logging anybody out, whoever hears of it first', async () => {
      const keys = { current: ['old'], file: ['old'], looks: 0 }
      const told = { current: keys.file, refresh: async () => keys.file }
      const untold = {
        current: keys.file,
        async refresh() {
          keys.looks++
          untold.current = keys.file
          return keys.file
        },
      }
      const [first, second] = [told, untold].map((cookieKeys) => openSessions(engine(), { idleMs, cookieKeys }))
      assert.ok(first && second)
      const login = first.empty()
      login.userId = '7'
      const signedByOld = sent(await first.save(login, { protocol: 'http' }))
      keys.file = ['new', 'old']
      told.current = keys.file
      const session = await first.open(signedByOld)
      assert.equal(session.userId, '7')
      const renewed = await first.save(session, { protocol: 'http' })
      assert.match(renewed ?? '', /Max-Age=1[12]\d\d;/)
      const signedByNew = sent(renewed)
      assert.notEqual(signedByNew, signedByOld)
      assert.equal((await second.open(signedByOld)).userId, '7')
      assert.equal(keys.looks, 0, 'a key that is known is not looked for')
      const met = await second.open(signedByNew)
      assert.deepEqual([met.userId, keys.looks], ['7', 1])
      assert.equal(await second.save(met, { protocol: 'http' }), undefined, 'it is signed with the first key')
      keys.file = ['new']
      told.current = keys.file
      assert.equal((await first.open(signedByOld)).userId, undefined, 'a key that was dropped is worth nothing')
    })

    it('a request that is under way when its key is dropped gets no cookie of the new one', async () => {
      const cookieKeys = { current: ['old'], refresh: async () => cookieKeys.current }
      const sessions = openSessions(engine(), { idleMs, cookieKeys })
      const id = newSessionId()
      await engine().create(id, { userId: '7' }, idleMs / 2)
      const cookie = sent(writeCookie(id, 'old', { isSecure: false, maxAgeMs: idleMs }))
      const [read, changed] = [await sessions.open(cookie), await sessions.open(cookie)]
      changed.set('n', 1)
      cookieKeys.current = ['new']
      for (const session of [read, changed]) assert.equal(await sessions.save(session, { protocol: 'http' }), undefined)
    })

    it('session and cookie are prolonged together, however often the session changes', async () => {
      for (const [share, isDue] of [
        [0.97, false],
        [0.9, true],
      ] as const) {
        const id = newSessionId()
        await engine().create(id, { userId: '7' }, idleMs * share)
        const sessions = open()
        const session = await sessions.open(
          sent(writeCookie(id, 'the first key', { isSecure: false, maxAgeMs: idleMs })),
        )
        session.set('n', 1)
        assert.equal((await sessions.save(session, { protocol: 'http' })) !== undefined, isDue)
        const stored = await engine().load(id)
        assert.deepEqual(stored?.fields, { userId: '7', n: 1 })
        assert.equal((stored?.idleLeftMs ?? 0) > idleMs * 0.97, isDue)
      }
    })

    it('a session that is only read is written again after a share of its idle time, not each time', async () => {
      const id = newSessionId()
      await engine().create(id, { userId: '7' }, idleMs * 0.9)
      const sessions = open()
      const cookie = sent(writeCookie(id, 'the first key', { isSecure: false, maxAgeMs: idleMs }))
      assert.ok(await sessions.save(await sessions.open(cookie), { protocol: 'http' }), 'the cookie is renewed as well')
      assert.equal(await sessions.save(await sessions.open(cookie), { protocol: 'http' }), undefined)
      assert.ok(((await engine().load(id))?.idleLeftMs ?? 0) > idleMs * 0.95)
    })
  })
}

/** What a browser sends back. */
function sent(setCookie: string | undefined): string {
  assert.ok(setCookie, 'a cookie is set')
  return setCookie.slice(0, setCookie.indexOf(';'))
}
