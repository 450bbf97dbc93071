// The suite of streams: every engine's test calls it. Each test uses streams of its own name.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import type { QueryExecutorProvider } from 'kysely'
import { waitUntil } from '../../../base/limits.ts'
import type { ConsumeOptions, Entry, HeldLane, ReadAnswer, StreamEngine, StreamPlace } from './contract.ts'
import { streamHistory } from './history.ts'
import { StreamTier } from './streams.ts'

export interface StreamConformance {
  /** The engine under test; it may have streams of other tests. */
  engine(): StreamEngine
  /** Runs `work` in a transaction of the database. */
  transaction<T>(work: (tx: QueryExecutorProvider) => Promise<T>): Promise<T>
}

const timeoutMs = 60_000
const leaseMs = 60_000
const quiet = { warn() {}, error() {} }

export function streamConformance(name: string, { engine, transaction }: StreamConformance): void {
  const newName = () => `test.${randomUUID()}`
  const append = (stream: string, from: number, count: number, key?: string) =>
    engine().append(
      Array.from({ length: count }, (_, i) => ({
        stream,
        body: JSON.stringify({ n: from + i }),
        key,
        trace: undefined,
      })),
    )
  const hold = (stream: string, group: string, holder: string, from: StreamPlace = 'start', ms = leaseMs) =>
    engine().hold({ stream, group, holder, leaseMs: ms, from })
  const numbers = (entries: readonly Entry[]) => entries.map(({ payload }) => payload['n'])
  const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

  async function holdOne(
    stream: string,
    group: string,
    from: StreamPlace = 'start',
    holder = 'one#1',
  ): Promise<HeldLane> {
    const { lanes } = await hold(stream, group, holder, from)
    assert.equal(lanes.length, 1)
    return lanes[0] as HeldLane
  }

  async function readNow(lane: HeldLane, handled?: string): Promise<ReadAnswer> {
    const answer = await engine().read(lane, handled === undefined ? { max: 1000 } : { max: 1000, handled })
    assert.ok(answer !== 'lost')
    return answer
  }

  /** Reads until `count` entries have come; others' transactions may hold them back for a moment. */
  async function readAll(lane: HeldLane, count: number): Promise<Entry[]> {
    const entries: Entry[] = []
    let handled: string | undefined
    await waitUntil(
      async () => {
        const answer = await readNow(lane, handled)
        entries.push(...answer.entries)
        handled = answer.entries.at(-1)?.position ?? handled
        return entries.length >= count
      },
      { what: `${count} entries`, timeoutMs },
    )
    return entries
  }

  /** Runs `work` with a tier whose readers are stopped at its end. */
  async function withTier(work: (tier: StreamTier) => Promise<void>): Promise<void> {
    const tier = new StreamTier(engine(), { log: quiet })
    try {
      await work(tier)
    } finally {
      await tier.stopReaders(timeoutMs)
    }
  }

  describe(`streams of engine ${name}`, () => {
    it('gives a group every entry in the order of appending, with what was appended', async () => {
      const stream = newName()
      const trace = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`
      await engine().append([{ stream, body: '{"deep":[1,"é",null,"nul \\u0000"]}', key: 'k ü', trace }])
      const appended = await append(stream, 0, 50)
      const lane = await holdOne(stream, 'g')
      const [first, ...others] = await readAll(lane, 51)
      assert.ok(first)
      assert.deepEqual([first.payload, first.key, first.trace], [{ deep: [1, 'é', null, 'nul \0'] }, 'k ü', trace])
      assert.ok(Math.abs(first.at.getTime() - Date.now()) < 60_000)
      assert.deepEqual(numbers(others), range(0, 50))
      const positions = others.map(({ position }) => position)
      assert.deepEqual(
        positions,
        appended.map(({ position }) => position),
      )
      assert.deepEqual(positions, [...positions].sort())
    })

    it('gives each of many groups all of it, each from its own place', async () => {
      const stream = newName()
      await append(stream, 0, 10)
      const early = await holdOne(stream, 'early')
      const [, , third] = await readAll(early, 10)
      assert.ok(third)
      const fromThird = await holdOne(stream, 'third', { position: third.position })
      assert.deepEqual(numbers(await readAll(fromThird, 8)), range(2, 8))
      const late = await holdOne(stream, 'late', 'now')
      const at = await holdOne(stream, 'at', { at: new Date(Date.now() + 60_000) })
      const since = await holdOne(stream, 'since', { at: new Date(Date.now() - 60_000) })
      await append(stream, 10, 5)
      assert.deepEqual(numbers(await readAll(late, 5)).slice(-5), range(10, 5))
      assert.deepEqual(numbers(await readAll(at, 5)).slice(-5), range(10, 5))
      assert.deepEqual(numbers(await readAll(since, 15)), range(0, 15))
    })

    it('what a transaction appends is there if and only if it commits', async () => {
      const stream = newName()
      const lane = await holdOne(stream, 'g')
      const appendIn = (n: number, isFine: boolean) =>
        transaction(async (tx) => {
          await engine().appendIn(tx, [{ stream, body: JSON.stringify({ n }), key: undefined, trace: undefined }])
          if (!isFine) throw new Error('rolled back')
        })
      await assert.rejects(appendIn(1, false), /rolled back/)
      await appendIn(2, true)
      await append(stream, 3, 1)
      assert.deepEqual(numbers(await readAll(lane, 2)), [2, 3])
    })

    it('an entry of a transaction that commits late is not skipped, and holds up no append', async () => {
      const stream = newName()
      await append(stream, 0, 1)
      const lane = await holdOne(stream, 'g')
      await readAll(lane, 1)
      const read = await transaction(async (tx) => {
        await engine().appendIn(tx, [{ stream, body: '{"n":1}', key: undefined, trace: undefined }])
        await append(stream, 2, 3)
        return numbers((await readNow(lane)).entries)
      })
      assert.deepEqual(
        read.filter((n) => n !== 0),
        [],
        'nothing behind it is read before it ends',
      )
      const entries = await readAll(lane, 4)
      assert.deepEqual(numbers(entries).slice(-4), [1, 2, 3, 4])
    })

    it('two holders never have a lane at once; a lease that ran out goes to the other, and the late one changes nothing', async () => {
      const stream = newName()
      await append(stream, 0, 3)
      const { lanes } = await hold(stream, 'g', 'one#1', 'start', 50)
      const first = lanes[0] as HeldLane
      const [, second] = await waitUntil(
        async () => {
          const answer = await engine().read(first, { max: 10 })
          return answer !== 'lost' && answer.entries.length === 3 && answer.entries
        },
        { what: 'three entries', timeoutMs },
      )
      const taken = await waitUntil(async () => (await hold(stream, 'g', 'two#1')).lanes[0], {
        what: 'the end of a lease',
        timeoutMs,
      })
      assert.deepEqual((await hold(stream, 'g', 'one#1')).lanes, [])
      assert.equal(await engine().read(first, { max: 10, handled: second?.position as string }), 'lost')
      await engine().letGo([{ lane: first, handled: second?.position as string }])
      const { entries, failed } = await readNow(taken)
      assert.deepEqual(
        [numbers(entries), failed],
        [[0, 1, 2], 1],
        'and it counts as a failure of whoever said nothing more',
      )
      assert.deepEqual((await hold(stream, 'g', 'two#1')).lanes, [taken])
    })

    it('a lane that is let go of is free at once, with its place', async () => {
      const stream = newName()
      await append(stream, 0, 5)
      const lane = await holdOne(stream, 'g')
      const entries = await readAll(lane, 5)
      await engine().rewind({ stream, group: 'g' }, 'start')
      const again = await holdOne(stream, 'g')
      await engine().letGo([{ lane: again, handled: entries[2]?.position as string }])
      await engine().leave({ stream, group: 'g', holder: 'one#1' })
      const taken = await holdOne(stream, 'g', 'start', 'two#1')
      const rest = await readNow(taken)
      assert.deepEqual([numbers(rest.entries), rest.failed], [[3, 4], 0])
    })

    it('a process that comes back frees what it held in its earlier life', async () => {
      const stream = newName()
      const node = `n-${randomUUID()}`
      await holdOne(stream, 'g', 'start', `${node}#1`)
      assert.deepEqual((await hold(stream, 'g', `${node}#2`)).lanes, [])
      assert.equal(await engine().release(node), 1)
      await holdOne(stream, 'g', 'start', `${node}#2`)
    })

    it('partitions are shared out among the readers of a group, and a key stays in one of them', async () => {
      const stream = newName()
      await engine().define(stream, { partitions: 4 })
      await assert.rejects(engine().define(stream, { partitions: 5 }), { code: 'conflict' })
      for (let n = 0; n < 60; n++) await append(stream, n, 1, `key-${n % 12}`)
      const alone = await hold(stream, 'g', 'one#1')
      assert.equal(alone.lanes.length, 4)
      await hold(stream, 'g', 'two#1')
      const { lanes, surplus } = await hold(stream, 'g', 'one#1')
      assert.equal(surplus, 2)
      await engine().letGo(lanes.slice(0, surplus).map((lane) => ({ lane })))
      const mine = (await hold(stream, 'g', 'one#1')).lanes
      const theirs = (await hold(stream, 'g', 'two#1')).lanes
      assert.deepEqual([mine.length, theirs.length], [2, 2])
      assert.equal(new Set([...mine, ...theirs].map(({ id }) => id)).size, 4)
      const lanesOf = new Map<string, string>()
      const seen: unknown[] = []
      await waitUntil(
        async () => {
          for (const lane of [...mine, ...theirs]) {
            const { entries } = await readNow(lane)
            const last = entries.at(-1)
            if (last) await engine().read(lane, { max: 1, handled: last.position })
            for (const { key = '', payload } of entries) {
              assert.equal(lanesOf.get(key) ?? lane.id, lane.id)
              lanesOf.set(key, lane.id)
              seen.push(payload['n'])
            }
          }
          return seen.length >= 60
        },
        { what: 'all entries', timeoutMs },
      )
      assert.ok(new Set(lanesOf.values()).size > 1, 'keys are spread')
      for (const rest of range(0, 12))
        assert.deepEqual(
          seen.filter((n) => (n as number) % 12 === rest),
          range(0, 5).map((i) => rest + 12 * i),
        )
    })

    it('rewinds to the start, a time or an entry, also while it is read; the reader of before is refused', async () => {
      const stream = newName()
      const [, appended] = await append(stream, 0, 6)
      const lane = await holdOne(stream, 'g')
      const entries = await readAll(lane, 6)
      await assert.rejects(engine().rewind({ stream, group: 'nobody' }, 'start'), { code: 'not-found' })
      await assert.rejects(engine().rewind({ stream, group: 'g' }, { position: 'x' }), { code: 'bad-input' })
      await engine().rewind({ stream, group: 'g' }, { position: appended?.position as string })
      assert.equal(await engine().read(lane, { max: 10, handled: entries[5]?.position as string }), 'lost')
      const again = await holdOne(stream, 'g')
      assert.deepEqual(numbers((await readNow(again)).entries), range(1, 5))
      await engine().rewind({ stream, group: 'g' }, 'start')
      assert.deepEqual(numbers((await readNow(await holdOne(stream, 'g'))).entries), range(0, 6))
      await engine().rewind({ stream, group: 'g' }, { at: new Date(Date.now() + 60_000) })
      await append(stream, 6, 1)
      assert.deepEqual(numbers(await readAll(await holdOne(stream, 'g'), 1)).at(-1), 6)
    })

    it('tells of its streams, their groups and how far behind each is', async () => {
      const stream = newName()
      await append(stream, 0, 7)
      const lane = await holdOne(stream, 'g')
      const entries = await readAll(lane, 7)
      await engine().rewind({ stream, group: 'g' }, { position: entries[4]?.position as string })
      await engine().failed(await holdOne(stream, 'g'), 'it broke')
      const state = (await engine().list()).find((other) => other.stream === stream)
      assert.deepEqual([state?.partitions, state?.keepMs], [1, 7 * 86_400_000])
      assert.ok(state?.newestAt && Math.abs(state.newestAt.getTime() - Date.now()) < 60_000)
      const [group, ...more] = state.groups
      assert.deepEqual([group?.group, more.length], ['g', 0])
      const { lag, isMore, holder, failed, reason } = group?.lanes[0] ?? {}
      assert.deepEqual([lag, isMore, holder, failed, reason], [3, false, 'one#1', 1, 'it broke'])
    })

    it('readers of the app handle each entry in order, and batches of many callers keep the order of their calls', async () => {
      const stream = newName()
      const seen: unknown[] = []
      await withTier(async (tier) => {
        const options: ConsumeOptions = { group: 'g', from: 'start', batchMax: 7 }
        tier.streams.consume(stream, options, async (entries) => void seen.push(...numbers(entries)))
        tier.startReaders()
        const log = tier.streams.stream(stream)
        await Promise.all(range(0, 100).map((n) => log.append({ n })))
        await log.appendMany(range(100, 20).map((n) => ({ payload: { n } })))
        await transaction((tx) => tier.in(tx).append(stream, { n: 120 }))
        await waitUntil(() => seen.length >= 121, { what: 'all entries', timeoutMs })
      })
      assert.deepEqual(seen, range(0, 121))
    })

    it('a handler that fails is asked again, one entry at a time, and nothing behind it comes first', async () => {
      const stream = newName()
      const seen: unknown[] = []
      const failures: number[] = []
      await withTier(async (tier) => {
        const options: ConsumeOptions = { group: 'g', from: 'start', backoff: { baseMs: 1, capMs: 2 } }
        tier.streams.consume(stream, options, async (entries, { failed }) => {
          if (entries.some(({ payload }) => payload['n'] === 5)) {
            if (entries.length === 1) failures.push(failed)
            if (failures.length < 4) throw new Error('not yet')
          }
          seen.push(...numbers(entries))
        })
        await append(stream, 0, 10)
        tier.startReaders()
        await waitUntil(() => seen.length >= 10, { what: 'all entries', timeoutMs })
      })
      assert.deepEqual(seen, range(0, 10))
      assert.deepEqual(failures, [0, 1, 2, 3])
    })

    it('a reader that stops finishes what it handles and hands its lane over; what ignores the end keeps it', async () => {
      const stream = newName()
      const gate = Promise.withResolvers<void>()
      let begun = 0
      const tier = new StreamTier(engine(), { log: quiet })
      tier.streams.consume(stream, { group: 'g', from: 'start', batchMax: 1 }, async (_, { signal }) => {
        if (begun++ === 0) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      })
      tier.streams.consume(stream, { group: 'deaf', from: 'start' }, () => gate.promise)
      await append(stream, 0, 3)
      tier.startReaders()
      await waitUntil(() => begun === 1 && tier.inFlight === 2, { what: 'both handlers', timeoutMs })
      await tier.stopReaders(50)
      assert.equal(begun, 1)
      assert.deepEqual(numbers(await readAll(await holdOne(stream, 'g', 'start', 'two#1'), 2)), [1, 2])
      assert.deepEqual((await hold(stream, 'deaf', 'two#1')).lanes, [])
      gate.resolve()
    })

    it('payloads of a stream with a schema are checked where they are appended and made where they are read', async () => {
      const stream = newName()
      const seen: unknown[] = []
      const schema = {
        '~standard': {
          validate: (value: unknown) => {
            const { n } = value as { n: unknown }
            return typeof n === 'number'
              ? { value: { n, isTyped: true } }
              : { issues: [{ message: 'n must be a number' }] }
          },
        },
      }
      await withTier(async (tier) => {
        const typed = tier.streams.defineStream(stream, { schema, keepMs: 3_600_000 })
        assert.throws(() => tier.streams.defineStream(stream, {}), { code: 'conflict' })
        typed.consume({ group: 'g', from: 'start' }, async (entries) => {
          for (const { payload } of entries) seen.push(payload)
        })
        tier.startReaders()
        const wrong = { code: 'bad-input', message: /n must be a number/ }
        await assert.rejects(tier.streams.stream(stream).append({ n: 'one' }), wrong)
        await assert.rejects(
          transaction((tx) => tier.in(tx).append(stream, { n: 'one' })),
          wrong,
        )
        await transaction((tx) => typed.in(tx).append({ n: 1 }))
        await waitUntil(() => seen.length === 1, { what: 'the entry', timeoutMs })
      })
      assert.deepEqual(seen, [{ n: 1, isTyped: true }])
    })

    it('refuses what can never work: names, keys, payloads, bounds, places', async () => {
      await withTier(async ({ streams }) => {
        const log = streams.stream('q')
        assert.throws(() => streams.stream('no spaces'), { code: 'bad-input' })
        await assert.rejects(log.append([] as never), { code: 'bad-input' })
        await assert.rejects(log.append({ a: 'x'.repeat(300_000) }), { code: 'too-large' })
        const many = Array.from({ length: 10_001 }, () => ({ payload: {} }))
        await assert.rejects(log.appendMany(many), { code: 'too-large' })
        await assert.rejects(log.append({}, { key: 'nul \0' }), { code: 'bad-input' })
        assert.throws(() => streams.defineStream('q', { partitions: 0 }), { code: 'bad-input' })
        assert.throws(() => streams.defineStream('q', { keepMs: 367 * 86_400_000 }), { code: 'bad-input' })
        assert.throws(() => streams.consume('q', { group: '$relay' }, async () => {}), { code: 'bad-input' })
        assert.throws(() => streams.consume('q', { group: 'g', batchMax: 0 }, async () => {}), { code: 'bad-input' })
        assert.throws(() => streams.consume('q', { group: 'g', from: 'end' as never }, async () => {}), {
          code: 'bad-input',
        })
        streams.consume('q', { group: 'g' }, async () => {})
        assert.throws(() => streams.consume('q', { group: 'g' }, async () => {}), { code: 'conflict' })
      })
    })

    it('skips nothing and keeps the order of keys while readers die, transactions commit late and somebody rewinds', () =>
      streamHistory({ engine: engine(), transaction, stream: newName(), seed: Date.now() % 1_000_000 }))
  })
}
