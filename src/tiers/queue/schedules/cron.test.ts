// When schedules are due: an oracle that looks at every minute says the same, in zones whose clocks jump in odd ways.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTenfoldError } from '../../../base/errors.ts'
import { CronTimes } from './cron.ts'

const minuteMs = 60_000

test('a time that clocks leave out is due once, right after; one that comes twice is due the first time', () => {
  const times = timesOf('30 2 * * *', 'Europe/Berlin')
  assert.deepEqual(times('2026-03-28T12:00:00Z', 2), ['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z'])
  assert.deepEqual(times('2026-10-24T12:00:00Z', 2), ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'])
  const midnight = timesOf('@daily', 'Africa/Cairo') // clocks go from 00:00 to 01:00 there
  assert.deepEqual(midnight('2026-04-23T12:00:00Z', 2), ['2026-04-23T22:00:00.000Z', '2026-04-24T21:00:00.000Z'])
})

test('what is due every hour is due in every hour that passes', () => {
  const times = timesOf('0 * * * *', 'Europe/Berlin')
  const hours = ['2026-10-24T23:00:00.000Z', '2026-10-25T00:00:00.000Z', '2026-10-25T01:00:00.000Z']
  assert.deepEqual(times('2026-10-24T22:30:00Z', 3), hours)
})

test('seconds, the last day, the nth weekday, and days that come seldom', () => {
  assert.deepEqual(timesOf('*/20 * * * * *', 'UTC')('2026-11-25T00:00:19.999Z', 2), [
    '2026-11-25T00:00:20.000Z',
    '2026-11-25T00:00:40.000Z',
  ])
  assert.deepEqual(timesOf('0 6 L * *', 'UTC')('2026-11-25T00:00:00Z', 2), [
    '2026-11-30T06:00:00.000Z',
    '2026-12-31T06:00:00.000Z',
  ])
  assert.deepEqual(timesOf('0 6 * * MON#2', 'UTC')('2026-11-25T00:00:00Z', 1), ['2026-12-14T06:00:00.000Z'])
  assert.deepEqual(timesOf('0 0 29 2 *', 'UTC')('2028-03-01T00:00:00Z', 1), ['2032-02-29T00:00:00.000Z'])
})

test('what is no schedule is refused with a word about why', () => {
  const refused: Array<[string, string, RegExp]> = [
    ['* * * *', 'UTC', /cron "\* \* \* \*" in "UTC"/],
    ['61 * * * *', 'UTC', /minute: 61/],
    ['0 0 31 2 *', 'UTC', /there is no such day/],
    ['2026-12-24T18:00:00', 'UTC', /five or six fields/],
    ['? * * * *', 'UTC', /five or six fields/],
    ['* * * * *', 'Mars/Olympus', /time zone/],
    [`${'0,'.repeat(200)}0 * * * *`, 'UTC', /200 characters/],
  ]
  for (const [cron, zone, why] of refused)
    assert.throws(
      () => new CronTimes(cron, zone),
      (error) => isTenfoldError(error, 'bad-input') && why.test(error.message),
      cron,
    )
})

const field = (max: number) =>
  fc.oneof(
    fc.constant('*'),
    fc.integer({ min: 2, max: Math.min(20, max) }).map((step) => `*/${step}`),
    fc.uniqueArray(fc.integer({ min: 0, max }), { minLength: 1, maxLength: 4 }).map((list) => list.join()),
  )
/** A zone and noon of the day before its clocks jump; Lord Howe's by half an hour, Cairo's at midnight. */
const jumps = fc.constantFrom(
  ['Europe/Berlin', '2026-03-28'],
  ['Europe/Berlin', '2026-10-24'],
  ['America/New_York', '2026-03-07'],
  ['America/New_York', '2026-10-31'],
  ['Africa/Cairo', '2026-04-23'],
  ['Africa/Cairo', '2026-10-29'],
  ['Australia/Lord_Howe', '2026-10-03'],
  ['Australia/Lord_Howe', '2026-04-04'],
  ['Asia/Kolkata', '2026-06-01'],
)

test('over any jump of any zone: each time that the oracle finds by looking at every minute, and no other', () => {
  const walls = new Map<string, Wall[]>()
  fc.assert(
    fc.property(field(59), field(23), jumps, (minute, hour, [zone, day]) => {
      const from = Date.parse(`${day}T00:00:00Z`)
      const key = `${zone} ${day}`
      const wall = walls.get(key) ?? wallOf(zone as string, from, 4 * 1440)
      walls.set(key, wall)
      const times = new CronTimes(`${minute} ${hour} * * *`, zone as string)
      const found: string[] = []
      const last = wall.at(-1)?.atMs as number
      for (let at = times.next(new Date(from)); at.getTime() <= last; at = times.next(at)) found.push(at.toISOString())
      assert.deepEqual(found, dueOf(minute, hour, wall))
    }),
    { numRuns: 60 },
  )
})

interface Wall {
  atMs: number
  /** Minutes of wall-clock time, days counted too. */
  minutes: number
}

/** Every minute after `from`, by the clock on the wall. */
function wallOf(timeZone: string, fromMs: number, count: number): Wall[] {
  const format = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone, year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' },
    hourCycle: 'h23',
  })
  return Array.from({ length: count }, (_, n) => {
    const atMs = fromMs + (n + 1) * minuteMs
    const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]))
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = parts
    return { atMs, minutes: Date.UTC(year, month - 1, day, hour, minute) / minuteMs }
  })
}

function dueOf(minute: string, hour: string, wall: readonly Wall[]): string[] {
  const fits = (minutes: number) => holds(minute, minutes % 60) && holds(hour, Math.floor(minutes / 60) % 24)
  const isFixed = !`${minute}${hour}`.includes('*')
  const due = new Set<number>()
  let furthest = Number.NEGATIVE_INFINITY
  for (const [at, { atMs, minutes }] of wall.entries()) {
    const before = wall[at - 1]?.minutes ?? minutes - 1
    const skipped = Array.from({ length: Math.max(0, minutes - before - 1) }, (_, n) => before + 1 + n)
    if (isFixed && skipped.some(fits)) due.add(atMs)
    if (fits(minutes) && (!isFixed || minutes > furthest)) due.add(atMs)
    furthest = Math.max(furthest, minutes)
  }
  return [...due].map((atMs) => new Date(atMs).toISOString())
}

function holds(field: string, value: number): boolean {
  if (field === '*') return true
  if (field.startsWith('*/')) return value % Number(field.slice(2)) === 0
  return field.split(',').map(Number).includes(value)
}

function timesOf(cron: string, zone: string): (after: string, count: number) => string[] {
  const times = new CronTimes(cron, zone)
  return (after, count) => {
    const found: Date[] = []
    for (let n = 0; n < count; n++) found.push(times.next(found.at(-1) ?? new Date(after)))
    return found.map((at) => at.toISOString())
  }
}
