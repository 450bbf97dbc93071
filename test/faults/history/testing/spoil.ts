// Breaks one promise in a correct run, each way as its rule names it; undefined when the run has no place for it.

import type { Random } from '../../../../src/base/random.ts'
import type { Rule } from '../check/violation.ts'
import { nameOf, type Operation } from '../operation.ts'
import type { RecordedRun } from './correct-store.ts'

export type Spoiler = (run: RecordedRun, random: Random) => RecordedRun | undefined

export const spoilers: Readonly<Partial<Record<Rule, Spoiler>>> = {
  lost: (run, random) =>
    atWrite(run, random, 'ok', (write) => changeEverywhere(run, write, (all) => all.filter((id) => id !== write.id))),

  doubled: (run, random) =>
    atWrite(run, random, 'ok', (write) => changeFinal(run, write, (elements) => [...elements, write.id])),

  'refused-but-there': (run, random) =>
    atWrite(run, random, 'failed', (write) => changeFinal(run, write, (elements) => [...elements, write.id])),

  phantom: (run, random) =>
    atWrite(run, random, 'ok', (write) => changeFinal(run, write, (elements) => [...elements, 999_999])),

  /** A write of unknown outcome that somebody read, and that a failover then took away. */
  vanished(run, random) {
    const seen = new Set(run.history.flatMap((read) => read.seen?.elements ?? []))
    const gone = run.history.filter(({ id, outcome }) => outcome === 'unknown' && seen.has(id))
    const write = gone[random.int(gone.length)]
    return write && changeFinal(run, write, (elements) => elements.filter((id) => id !== write.id))
  },

  'from-the-future'(run, random) {
    const early = run.history.filter(
      (read) => isRead(read) && run.history.some((write) => isLater(write, read) && isIn(run, write)),
    )
    const read = early[random.int(early.length)]
    const write = read && run.history.find((candidate) => isLater(candidate, read) && isIn(run, candidate))
    return write && changeRead(run, read, (elements) => [...elements, write.id])
  },

  'own-write-missing': (run, random) =>
    atRead(
      run,
      random,
      (read, element) => writerOf(run, element)?.session === read.session && isAcknowledged(run, element),
    ),

  /** What the session knows from an earlier read of its own, by somebody else. */
  'went-back': (run, random) =>
    atRead(
      run,
      random,
      (read, element) =>
        writerOf(run, element)?.session !== read.session &&
        run.history.some(
          (earlier) =>
            earlier.session === read.session &&
            nameOf(earlier) === nameOf(read) &&
            earlier.doneMs < read.invokedMs &&
            earlier.seen?.elements?.includes(element),
        ),
    ),

  reordered(run, random) {
    const long = run.history.filter((read) => read.object === 'list' && (read.seen?.elements?.length ?? 0) > 1)
    const read = long[random.int(long.length)]
    return read && changeRead(run, read, ([first, second, ...rest]) => [second as number, first as number, ...rest])
  },

  unbalanced: (run, random) => atBank(run, random, (balances) => ({ ...balances, 0: (balances[0] ?? 0) + 1 })),

  torn: (run, random) =>
    atBank(run, random, (balances) => ({ ...balances, 0: (balances[0] ?? 0) + 1, 1: (balances[1] ?? 0) - 1 })),

  'session-lost'(run, random) {
    const read = run.history[random.int(run.history.length)]
    return read && replace(run, read, { ...read, outcome: 'failed', failure: 'unauthorized' })
  },

  'not-read': (run, random) => ({ ...run, final: run.final.toSpliced(random.int(run.final.length), 1) }),
}

/** Of one counter: an acknowledged increment that is gone, one too many, a value of long ago. */
export const counterSpoilers: Readonly<Partial<Record<Rule, Spoiler>>> = {
  lost: (run, random) => atCounter(run, random, (value) => value - 1),
  doubled: (run, random) => atCounter(run, random, (value) => value + 1_000),
  'went-back'(run, random) {
    const late = run.history.filter(
      (read) =>
        read.object === 'counter' &&
        isRead(read) &&
        (read.seen?.value ?? 0) > 0 &&
        run.history.findLast((other) => isKnownTo(other, read) && other.outcome === 'ok')?.access === 'read',
    )
    const read = late[random.int(late.length)]
    return read && replace(run, read, { ...read, seen: { value: -1 } })
  },
}

type Elements = readonly number[]

function atWrite(
  run: RecordedRun,
  random: Random,
  outcome: Operation['outcome'],
  spoil: (write: Operation) => RecordedRun,
): RecordedRun | undefined {
  const writes = run.history.filter(
    (write) => write.access === 'write' && write.object !== 'counter' && write.outcome === outcome,
  )
  const write = writes[random.int(writes.length)]
  return write && spoil(write)
}

/** Takes an element out of a read. */
function atRead(
  run: RecordedRun,
  random: Random,
  isFit: (read: Operation, element: number) => boolean,
): RecordedRun | undefined {
  const places = run.history.flatMap((read) =>
    isRead(read)
      ? (read.seen?.elements ?? []).filter((element) => isFit(read, element)).map((id) => ({ read, id }))
      : [],
  )
  const place = places[random.int(places.length)]
  return place && changeRead(run, place.read, (elements) => elements.filter((id) => id !== place.id))
}

function atBank(
  run: RecordedRun,
  random: Random,
  change: (balances: Record<string, number>) => Record<string, number>,
): RecordedRun | undefined {
  const reads = run.history.filter((read) => read.object === 'bank' && isRead(read))
  const read = reads[random.int(reads.length)]
  return read && replace(run, read, { ...read, seen: { ...read.seen, balances: change(read.seen?.balances ?? {}) } })
}

function atCounter(run: RecordedRun, random: Random, change: (value: number) => number): RecordedRun | undefined {
  const sure = run.final.filter(
    (object) =>
      object.object === 'counter' &&
      object.value &&
      run.history.every((write) => nameOf(write) !== nameOf(object) || write.outcome !== 'unknown'),
  )
  const counter = sure[random.int(sure.length)]
  if (!counter) return undefined
  const spoiled = { ...counter, value: change(counter.value ?? 0) }
  return { ...run, final: run.final.map((object) => (object === counter ? spoiled : object)) }
}

function changeEverywhere(run: RecordedRun, of: Operation, change: (elements: Elements) => Elements): RecordedRun {
  const reads = run.history.filter((read) => nameOf(read) === nameOf(of) && isRead(read))
  return reads.reduce((changed, read) => changeRead(changed, read, change), changeFinal(run, of, change))
}

function changeFinal(run: RecordedRun, of: Operation, change: (elements: Elements) => Elements): RecordedRun {
  const final = run.final.map((object) =>
    nameOf(object) === nameOf(of) ? { ...object, elements: change(object.elements ?? []) } : object,
  )
  return { ...run, final }
}

function changeRead(run: RecordedRun, read: Operation, change: (elements: Elements) => Elements): RecordedRun {
  return replace(run, read, { ...read, seen: { ...read.seen, elements: change(read.seen?.elements ?? []) } })
}

function replace(run: RecordedRun, old: Operation, by: Operation): RecordedRun {
  return { ...run, history: run.history.map((operation) => (operation === old ? by : operation)) }
}

function isRead({ access, outcome, object }: Operation): boolean {
  return access === 'read' && outcome === 'ok' && object !== 'session'
}

function writerOf({ history }: RecordedRun, element: number): Operation | undefined {
  return history.find(({ id }) => id === element)
}

function isAcknowledged(run: RecordedRun, element: number): boolean {
  return writerOf(run, element)?.outcome === 'ok'
}

function isIn({ final }: RecordedRun, write: Operation): boolean {
  return final.some((object) => nameOf(object) === nameOf(write) && object.elements?.includes(write.id))
}

function isLater(write: Operation, read: Operation): boolean {
  return write.access === 'write' && nameOf(write) === nameOf(read) && write.invokedMs > read.doneMs
}

function isKnownTo(other: Operation, read: Operation): boolean {
  return other.session === read.session && nameOf(other) === nameOf(read) && other.doneMs < read.invokedMs
}
