// Schedules over a real database: many processes, some killed, some with clocks that are wrong, and each time fires once.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Clock, systemClock } from '../../../../../base/clock.ts'
import { isTenfoldError, TenfoldError } from '../../../../../base/errors.ts'
import { waitUntil } from '../../../../../base/limits.ts'
import type { SlotDatabase } from '../../../../database/contract.ts'
import { openDatabase } from '../../../../database/database.ts'
import { slotOfText } from '../../../../database/hash.ts'
import { startTestDatabase, type TestDatabase } from '../../../../database/testing.ts'
import type { ScheduleStore } from '../../../schedules/contract.ts'
import type { Schedules } from '../../../schedules/schedules.ts'
import { openStore, witnessed, witnessSql } from './testing/witness.ts'

const everySecond = '* * * * * *'
/** Not due while a test runs. */
const never = '0 0 29 2 *'
const timeoutMs = 30_000

type Times = Record<'next_at' | 'fired_for' | 'fired_at' | 'seen_at', Date>

let database: TestDatabase
let store: ScheduleStore

before(async () => {
  database = await startTestDatabase({ sql: await witnessSql() })
  store = openStore(database.db)
})

after(() => database?.stop())

test('eight processes with clocks that run too fast or too slow fire every second once, and none is left out', async () => {
  const rates = [0.3, 0.6, 0.8, 0.9, 1, 1, 1.1, 1.5]
  const warnings: string[] = []
  const all: Schedules[] = []
  for (const rate of rates) {
    const schedules = witnessed(openStore(openDatabase(await database.openRouter())), warnings, clockOf(rate))
    schedules.add('seconds', { cron: everySecond, queue: 'seconds' })
    schedules.start()
    all.push(schedules)
  }
  await waitUntil(async () => (await firedOf('seconds')).length >= 3, { what: 'three seconds', timeoutMs })
  await Promise.all(all.map((schedules) => schedules.stop()))
  const fired = await firedOf('seconds')
  await assertEverySecond('seconds')
  assert.deepEqual(warnings, [])
  const [kept] = await store.list()
  assert.deepEqual([kept?.fired, kept?.firedFor?.getTime()], [fired.length, fired.at(-1)])
  assert.equal(kept?.lastJob, `seconds ${new Date(fired.at(-1) as number).toISOString()}`)
})

test('processes that are killed at any moment neither lose a second nor fire one twice', async (t) => {
  const processes: ChildProcess[] = []
  t.after(() => processes.map((child) => child.kill('SIGKILL')))
  for (let n = 0; n < 3; n++) processes.push(await compete('killed'))
  for (const child of processes.slice(0, 2)) {
    const before = (await firedOf('killed')).length
    await waitUntil(async () => (await firedOf('killed')).length > before, { what: 'a second', timeoutMs })
    child.kill('SIGKILL')
  }
  processes.push(await compete('killed'))
  const before = (await firedOf('killed')).length
  await waitUntil(async () => (await firedOf('killed')).length >= before + 2, { what: 'two more', timeoutMs })
  for (const child of processes) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  }
  await assertEverySecond('killed')
})

test('what was missed while nobody looked is made up for by one job, and then it goes on', async () => {
  await store.put({ name: 'missed', queue: 'missed', cron: '0 * * * *', timeZone: 'UTC' }, hoursAgo(50))
  const schedules = witnessed(store)
  schedules.add('missed', { cron: '0 * * * *', queue: 'missed' })
  schedules.start()
  await waitUntil(async () => (await keptOf('missed')).fired === 1, { what: 'the one job', timeoutMs })
  await schedules.stop()
  const { nextAt, seenAt } = await keptOf('missed')
  assert.ok(nextAt.getTime() - seenAt.getTime() <= 3_600_000 && nextAt > seenAt)
  assert.equal((await firedOf('missed')).length, 1)
})

test('a commit of which nobody knows whether it counts is looked for, and neither repeated nor lost', async () => {
  let calls = 0
  const forgetful: ScheduleStore = {
    ...store,
    async fire(...firing) {
      const isLost = calls++ % 2 === 0
      const unknown = new TenfoldError('outcome-unknown', 'the connection broke after COMMIT was sent')
      if (isLost && calls % 4 === 1) throw unknown // it never arrived
      const didFire = await store.fire(...firing)
      if (isLost) throw unknown
      return didFire
    },
  }
  const warnings: string[] = []
  const schedules = witnessed(forgetful, warnings)
  schedules.add('unknown', { cron: everySecond, queue: 'unknown' })
  schedules.start()
  await waitUntil(() => warnings.length >= 2 && calls >= 4, { what: 'a lost commit of each kind', timeoutMs })
  await schedules.stop()
  const fired = await firedOf('unknown')
  assert.equal(new Set(fired).size, fired.length)
  assert.equal((await keptOf('unknown')).fired, fired.length)
})

test('a publish that fails leaves the schedule due', async () => {
  await store.put({ name: 'failing', queue: 'q', cron: never, timeZone: 'UTC' }, hoursAgo(1))
  const { nextAt: dueAt, ...definition } = await keptOf('failing')
  const firing = store.fire(definition, { dueAt, nextAfter: (now) => now }, async () => {
    throw new TenfoldError('bad-input', 'no such payload')
  })
  await assert.rejects(firing, (error) => isTenfoldError(error, 'bad-input'))
  assert.deepEqual((await keptOf('failing')).nextAt, dueAt)
})

test('a new definition takes over when a process starts with it; what was due before fires still', async () => {
  const old = { name: 'changed', queue: 'changed', cron: never, timeZone: 'UTC' }
  await store.put(old, hoursAgo(1))
  const schedules = witnessed(store)
  schedules.add('changed', { cron: '30 4 * * *', timeZone: 'Asia/Tokyo', queue: 'changed' })
  schedules.start()
  await waitUntil(async () => (await keptOf('changed')).fired === 1, { what: 'what was due', timeoutMs })
  await schedules.stop()
  const { cron, timeZone, nextAt } = await keptOf('changed')
  assert.deepEqual([cron, timeZone, nextAt.toISOString().slice(11, 16)], ['30 4 * * *', 'Asia/Tokyo', '19:30'])
  const due = { dueAt: nextAt, nextAfter: (now: Date) => now }
  assert.equal(await store.fire(old, due, async () => assert.fail('of another version')), false)
})

test('a process of the old version leaves it alone, until nobody of the new one is there any more', async () => {
  const clock = { ...systemClock, sleep: (_: number, signal?: AbortSignal) => systemClock.sleep(20, signal) }
  const schedules = witnessed(store, [], clock)
  schedules.add('back', { cron: never, queue: 'back' })
  schedules.start()
  await waitUntil(async () => (await keptOf('back')).cron === never, { what: 'the schedule', timeoutMs })
  await store.put({ name: 'back', queue: 'back', cron: '0 0 1 1 *', timeZone: 'UTC' }, hoursAgo(-1000))
  await systemClock.sleep(200)
  assert.equal((await keptOf('back')).cron, '0 0 1 1 *')
  await lastSeen('back', 4 / 1440)
  await waitUntil(async () => (await keptOf('back')).cron === never, { what: 'it is taken back', timeoutMs })
  await schedules.stop()
})

test('what fired while the clock of the database was ahead goes on when that is right again, and no time fires twice', async () => {
  const names = ['far', 'twice', 'begun']
  const yearly = { cron: '0 0 1 1 *', timeZone: 'UTC' }
  const schedules = witnessed(store)
  for (const name of names) {
    await store.put({ name, queue: name, ...yearly }, newYear(9))
    schedules.add(name, { queue: name, ...yearly })
  }
  // What a clock that was eight years ahead leaves behind. The last time that fired lies there too; or it is the coming new year,
  // which was due when the clock jumped; or nothing has fired yet.
  await change('far', { fired_for: newYear(8), fired_at: newYear(8), seen_at: newYear(8) })
  await change('twice', { fired_for: newYear(0), fired_at: newYear(8), seen_at: newYear(8) })
  schedules.start()
  const isRight = async () => (await Promise.all(names.map(keptOf))).every(({ nextAt }) => nextAt <= newYear(1))
  await waitUntil(isRight, { what: 'all three put right', timeoutMs })
  await schedules.stop()
  const kept = await Promise.all(names.map(keptOf))
  assert.deepEqual(
    kept.map(({ nextAt }) => nextAt),
    [newYear(0), newYear(1), newYear(0)],
  )
  for (const { name, seenAt } of kept) assert.ok(seenAt < newYear(0), `${name} was seen at ${seenAt.toISOString()}`)
})

test('a version that was seen last in a time still to come is taken over when nobody of it is there', async () => {
  const clock = { ...systemClock, sleep: (_: number, signal?: AbortSignal) => systemClock.sleep(20, signal) }
  const other = { name: 'ahead', queue: 'ahead', cron: '0 0 1 1 *', timeZone: 'UTC' }
  const schedules = witnessed(store, [], clock)
  schedules.add('ahead', { cron: never, queue: 'ahead' })
  schedules.start()
  await waitUntil(async () => (await store.look('ahead')).kept, { what: 'the schedule', timeoutMs })
  await store.put(other, newYear(0))
  await change('ahead', { seen_at: newYear(8) })
  await waitUntil(async () => (await keptOf('ahead')).seenAt < newYear(0), { what: 'a look', timeoutMs })
  assert.equal((await keptOf('ahead')).cron, other.cron)
  await schedules.stop()
})

test('a schedule that fired this moment waits for its next time when another primary has a clock that is a little behind', async () => {
  await store.put({ name: 'behind', queue: 'behind', cron: everySecond, timeZone: 'UTC' }, hoursAgo(0))
  const nextAt = new Date(hoursAgo(0).getTime() + 2000)
  await change('behind', { next_at: nextAt, fired_for: hoursAgo(1), fired_at: new Date(nextAt.getTime() - 1) })
  const schedules = witnessed(store)
  schedules.add('behind', { cron: everySecond, queue: 'behind' })
  schedules.start()
  await waitUntil(async () => (await firedOf('behind')).length > 0, { what: 'the second', timeoutMs })
  await schedules.stop()
  assert.equal((await firedOf('behind'))[0], nextAt.getTime())
})

test('a schedule that no app has any more does not fire, and is forgotten after a week', async () => {
  for (const name of ['old', 'young']) {
    await store.put({ name, queue: name, cron: everySecond, timeZone: 'UTC' }, hoursAgo(1))
    await lastSeen(name, name === 'old' ? 8 : 6)
  }
  await store.sweep()
  const names = (await store.list()).map(({ name }) => name)
  assert.deepEqual([names.includes('old'), names.includes('young')], [false, true])
  assert.equal((await firedOf('young')).length, 0)
})

test('what cannot be a schedule is refused where it is registered', () => {
  const schedules = witnessed(store)
  const good = { cron: everySecond, queue: 'q' }
  schedules.add('one', good)
  const refused: Array<[string, typeof good & { payload?: never; timeZone?: string }, string]> = [
    ['one', good, 'conflict'],
    ['no name', good, 'bad-input'],
    ['two', { ...good, cron: '* * *' }, 'bad-input'],
    ['two', { ...good, timeZone: 'Nowhere' }, 'bad-input'],
    ['two', { ...good, queue: '' }, 'bad-input'],
    ['two', { ...good, payload: 'text' as never }, 'bad-input'],
    ['two', { ...good, payload: (() => undefined) as never }, 'bad-input'],
  ]
  for (const [name, options, code] of refused)
    assert.throws(
      () => schedules.add(name, options),
      (error) => isTenfoldError(error) && error.code === code,
      `${name} ${JSON.stringify(options)}`,
    )
})

async function compete(name: string): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('testing/competitor.ts', import.meta.url))
  const args = ['-C', 'source', file, database.mapFile, JSON.stringify(database.server.secrets), name, everySecond]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

/** Sleeps for another time than it is told. */
function clockOf(rate: number): Clock {
  return { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms * rate, signal) }
}

async function firedOf(name: string): Promise<number[]> {
  const rows = await query<{ due_at: Date }>(`select due_at from witness.fired where name = '${name}' order by due_at`)
  return rows.map(({ due_at }) => due_at.getTime())
}

/** After each firing the next one is for the first second that had not come by then: none twice, none left out. */
async function assertEverySecond(name: string): Promise<void> {
  const rows = await query<{ due_at: Date; at: Date }>(
    `select due_at, at from witness.fired where name = '${name}' order by at, due_at`,
  )
  const due = rows.slice(1).map(({ due_at }) => due_at.getTime())
  const expected = rows.slice(0, -1).map(({ at }) => Math.floor(at.getTime() / 1000) * 1000 + 1000)
  assert.deepEqual(due, expected)
}

async function keptOf(name: string) {
  const { kept } = await store.look(name)
  if (!kept) throw new Error(`there is no schedule ${name}`)
  return kept
}

async function lastSeen(name: string, daysAgo: number): Promise<void> {
  await change(name, { seen_at: new Date(Date.now() - daysAgo * 86_400_000) })
}

/** What no clock of a test can bring about. */
async function change(name: string, values: Partial<Times>): Promise<void> {
  const home = database.db.slot(slotOfText(name)) as unknown as SlotDatabase<{
    tenfold_schedules: Times & { name: string }
  }>
  await home.updateTable('tenfold_schedules').set(values).where('name', '=', name).execute()
}

/** The coming one, and so many years later. */
function newYear(later: number): Date {
  return new Date(Date.UTC(new Date().getUTCFullYear() + 1 + later, 0, 1))
}

function hoursAgo(hours: number): Date {
  return new Date(Math.floor(Date.now() / 1000) * 1000 - hours * 3_600_000)
}

async function query<Row>(text: string): Promise<Row[]> {
  const [shard] = database.db.shards()
  return shard ? shard.query<Row>(text) : []
}
