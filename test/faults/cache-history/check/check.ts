// Whether a history of reads and writes through two levels of cache is one that the cache promises:
//
//   old         a read gave what had been replaced, and the replacement acknowledged, longer than the bound before it began
//   back        as `old`, and the same process had seen the newer value by then: it was brought back
//   phantom     a read gave what nobody wrote, or what was written only after it
//   gone        `wrap` said that there is nothing, when something had been there for longer than the bound
//
// Reads within the bound may give the older value of several; how many did, and how many saw a key go back, are figures.

import { isDeletion, type Operation, type Read, type Truth } from '../operation.ts'

export interface Violation {
  kind: 'old' | 'back' | 'phantom' | 'gone'
  read: Read
  /** By how much it is beyond the bound. */
  overMs: number
  /** When what should have been read was acknowledged. Of a phantom, when it was read. */
  replacedMs: number
  message: string
}

export interface Verdict {
  violations: Violation[]
  figures: Figures
}

export interface Figures {
  reads: number
  /** Reads that found something, or were told by `wrap` that there is nothing. */
  answered: number
  writes: number
  /** Reads that gave what had been replaced and acknowledged before they began, within the bound. */
  old: number
  oldMsMax: number
  /** Reads of a process that gave less than an earlier read of it, within the bound. */
  wentBack: number
}

export interface Terms {
  truth: Truth
  /** How old a read may be. By read, since a process that is cut off may be promised less. */
  boundMsOf(read: Read): number
}

export function check(history: readonly Operation[], { truth, boundMsOf }: Terms): Verdict {
  const figures: Figures = { reads: 0, answered: 0, writes: 0, old: 0, oldMsMax: 0, wentBack: 0 }
  const violations: Violation[] = []
  for (const [key, operations] of byKey(history)) {
    const line = new KeyLine(operations, truth.get(key) ?? [])
    figures.writes += operations.filter(({ kind }) => kind === 'write').length
    /** What each process has seen. */
    const seen = new Map<string, Rising>()
    for (const read of operations) {
      if (read.kind !== 'read') continue
      figures.reads++
      const version = line.versionOf(read)
      if (version === undefined) continue
      figures.answered++
      if (version === 'nobody') {
        violations.push({
          kind: 'phantom',
          read,
          overMs: 0,
          replacedMs: read.fromMs,
          message: `${told(read)}, which was not written yet`,
        })
        continue
      }
      const own = seen.get(read.process) ?? new Rising()
      seen.set(read.process, own)
      const isBack = own.highestBefore(read.fromMs) > version
      const newer = line.acknowledged.firstAbove(version, read.fromMs)
      if (newer) {
        const ageMs = read.fromMs - newer.atMs
        const overMs = ageMs - boundMsOf(read)
        if (overMs > 0) {
          const kind = read.seen === undefined ? 'gone' : isBack ? 'back' : 'old'
          const by = `${line.nameOf(newer.version)} was acknowledged ${ageMs.toFixed(1)} ms before`
          violations.push({
            kind,
            read,
            overMs,
            replacedMs: newer.atMs,
            message: `${told(read)}; ${by}, ${overMs.toFixed(1)} ms too long`,
          })
        }
        figures.old++
        figures.oldMsMax = Math.max(figures.oldMsMax, ageMs)
      }
      if (isBack) figures.wentBack++
      // Which of several deletions `nothing` stands for is not known.
      if (read.seen !== undefined) own.add(version, read.toMs)
    }
  }
  return { violations, figures }
}

/** One key: its writes in the order of the truth, from 1 on; 0 is the time before the first. */
class KeyLine {
  readonly acknowledged = new Rising()
  readonly #order: readonly string[]
  readonly #versions: ReadonlyMap<string, number>
  readonly #begunMs = new Map<string, number>()

  constructor(operations: readonly Operation[], order: readonly string[]) {
    this.#order = order
    this.#versions = new Map(order.map((name, i) => [name, i + 1]))
    const writes = operations.filter((operation) => operation.kind === 'write')
    for (const { name, fromMs, toMs } of writes.toSorted((a, b) => a.toMs - b.toMs)) {
      this.#begunMs.set(name, fromMs)
      const version = this.#versions.get(name)
      if (version !== undefined) this.acknowledged.add(version, toMs)
    }
  }

  nameOf(version: number): string {
    return this.#order[version - 1] ?? 'nothing'
  }

  /** What was read. Undefined: it does not say. Where `wrap` says that there is nothing, the newest that it can mean. */
  versionOf({ by, seen, toMs }: Read): number | 'nobody' | undefined {
    if (seen === undefined)
      return by === 'wrap'
        ? this.#order.findLastIndex((name) => isDeletion(name) && this.#mayBe(name, toMs)) + 1
        : undefined
    const version = this.#versions.get(seen)
    return version !== undefined && this.#mayBe(seen, toMs) ? version : 'nobody'
  }

  /** A write that was never acknowledged began at a time that nobody told. */
  #mayBe(name: string, ms: number): boolean {
    return (this.#begunMs.get(name) ?? ms) <= ms
  }
}

/** The highest version by time. */
class Rising {
  readonly #steps: Array<{ atMs: number; version: number }> = []

  /** In the order of time, or nearly: what overlaps counts as the later. */
  add(version: number, atMs: number): void {
    const last = this.#steps.at(-1)
    if (last && last.version >= version) return
    this.#steps.push({ atMs: Math.max(atMs, last?.atMs ?? atMs), version })
  }

  highestBefore(ms: number): number {
    return this.#steps.findLast(({ atMs }) => atMs < ms)?.version ?? 0
  }

  /** The first that was above `version`, if it was so before `ms`. */
  firstAbove(version: number, ms: number): { atMs: number; version: number } | undefined {
    const first = this.#steps.find((step) => step.version > version)
    return first && first.atMs < ms ? first : undefined
  }
}

/** In the order in which they began. */
function byKey(history: readonly Operation[]): Map<string, Operation[]> {
  const groups = new Map<string, Operation[]>()
  for (const operation of history.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const group = groups.get(operation.key)
    if (group) group.push(operation)
    else groups.set(operation.key, [operation])
  }
  return groups
}

function told({ process, by, key, seen, fromMs }: Read): string {
  return `${process} ${by} ${key} gave ${seen ?? 'nothing'} at ${fromMs.toFixed(1)}`
}
