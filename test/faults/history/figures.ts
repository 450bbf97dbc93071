// What a history tells beside right and wrong: pauses, failures, how old the reads of replicas are. Reported by fault tests,
// never asserted by the checker.

import { nameOf, type Operation } from './operation.ts'

const failuresShownMax = 20

export interface Span {
  fromMs: number
  toMs: number
}

/** The longest time without an acknowledged operation of that kind, between those that were done inside of `within`. */
export function longestPause(history: readonly Operation[], access: Operation['access'], within?: Span): Span {
  const { fromMs = 0, toMs = Number.POSITIVE_INFINITY } = within ?? {}
  const done = history
    .filter((operation) => operation.access === access && operation.outcome === 'ok')
    .map(({ doneMs }) => doneMs)
    .filter((atMs) => atMs >= fromMs && atMs <= toMs)
    .sort((a, b) => a - b)
  let longest: Span = { fromMs: done[0] ?? fromMs, toMs: done[0] ?? fromMs }
  for (const [index, atMs] of done.entries()) {
    const before = done[index - 1] ?? atMs
    if (atMs - before > longest.toMs - longest.fromMs) longest = { fromMs: before, toMs: atMs }
  }
  return longest
}

/** From `atMs` to the end of the longest pause that follows it: how long nobody could write. */
export function writableAgainMs(history: readonly Operation[], atMs: number, untilMs: number): number {
  const { toMs } = longestPause(history, 'write', { fromMs: atMs - 1000, toMs: untilMs })
  return Math.max(0, toMs - atMs)
}

export interface Failures extends Span {
  what: string
  count: number
}

/** What was not acknowledged, by kind and reason, with the first and the last time. */
export function failuresOf(history: readonly Operation[]): Failures[] {
  const kinds = new Map<string, Failures>()
  for (const { outcome, access, isKeyed, failure, doneMs } of history) {
    if (outcome === 'ok') continue
    const what = `${access}${isKeyed ? ' with a key' : ''} ${outcome}: ${failure}`
    const known = kinds.get(what) ?? { what, count: 0, fromMs: doneMs, toMs: doneMs }
    kinds.set(what, {
      what,
      count: known.count + 1,
      fromMs: Math.min(known.fromMs, doneMs),
      toMs: Math.max(known.toMs, doneMs),
    })
  }
  return [...kinds.values()].sort((a, b) => b.count - a.count)
}

export interface Staleness {
  reads: number
  stale: number
  /** How long the oldest write that a read did not show had been acknowledged when the read began. */
  behindMsMax: number
}

/** Reads of shared objects that lack what somebody else had been told was done. Allowed, within the topology's bound. */
export function stalenessOf(history: readonly Operation[]): Staleness {
  const writes = new Map<string, Operation[]>()
  for (const write of history)
    if (write.access === 'write' && write.outcome === 'ok' && isShared(write)) {
      const name = nameOf(write)
      const known = writes.get(name)
      if (known) known.push(write)
      else writes.set(name, [write])
    }
  const total: Staleness = { reads: 0, stale: 0, behindMsMax: 0 }
  for (const read of history) {
    if (read.access !== 'read' || read.outcome !== 'ok' || !isShared(read)) continue
    total.reads++
    const seen = new Set(read.seen?.elements)
    const missed = (writes.get(nameOf(read)) ?? []).filter(({ id, doneMs }) => doneMs < read.invokedMs && !seen.has(id))
    if (missed.length === 0) continue
    total.stale++
    const oldestMs = Math.min(...missed.map(({ doneMs }) => doneMs))
    total.behindMsMax = Math.max(total.behindMsMax, read.invokedMs - oldestMs)
  }
  return total
}

/** Time from when it was due to the last byte of the answer, of acknowledged operations. */
export function latencyMs(history: readonly Operation[], access: Operation['access'], quantile: number): number {
  const times = history
    .filter((operation) => operation.access === access && operation.outcome === 'ok')
    .map(({ dueMs, doneMs }) => doneMs - dueMs)
    .sort((a, b) => a - b)
  return times[Math.min(times.length - 1, Math.floor(quantile * times.length))] ?? 0
}

/** For people, a line each. */
export function describeFigures(history: readonly Operation[], startMs: number): string[] {
  const count = (access: Operation['access']) => history.filter((operation) => operation.access === access).length
  const at = (ms: number) => `${((ms - startMs) / 1000).toFixed(2)} s`
  const lineOf = (access: Operation['access']) => {
    const pause = longestPause(history, access)
    const [p50, p99, max] = [0.5, 0.99, 1].map((quantile) => latencyMs(history, access, quantile).toFixed(1))
    const longest = `longest pause ${(pause.toMs - pause.fromMs).toFixed(0)} ms from ${at(pause.fromMs)}`
    return `${count(access)} ${access}s: p50 ${p50} ms, p99 ${p99} ms, longest ${max} ms; ${longest}`
  }
  const { reads, stale, behindMsMax } = stalenessOf(history)
  return [
    lineOf('write'),
    lineOf('read'),
    `${stale} of ${reads} reads of shared objects were behind others' writes, by ${behindMsMax.toFixed(0)} ms at most`,
    ...failuresOf(history)
      .slice(0, failuresShownMax)
      .map(({ what, count, fromMs, toMs }) => `${count} x ${what}, ${at(fromMs)} .. ${at(toMs)}`),
  ]
}

function isShared({ object }: Operation): boolean {
  return object === 'bank' || object === 'list'
}
