// What is kept of jobs: what was asked for, and every run of a handler, begun and ended, by the process that it ran in.
//
// Processes write lines to a file of their own, so that what one has said stays when it is killed in the next moment. Times are
// of CLOCK_MONOTONIC, which all processes of a machine share, in milliseconds.

import { openSync, readFileSync, writeSync } from 'node:fs'

export interface AskedJob {
  n: number
  /** Jobs of one key come in the order of their numbers. */
  key: string | undefined
  /** rolled-back: its transaction was, and it must never run. unknown: nobody heard whether it was published. */
  fate: 'published' | 'rolled-back' | 'unknown'
}

export interface Run {
  n: number
  attempt: number
  /** One life of a process: another one of the same name has another. */
  process: string
  fromMs: number
  /** Undefined: its process said nothing more of it. */
  end: { atMs: number; how: 'done' | 'failed' } | undefined
}

export interface RunLine {
  n: number
  attempt: number
  process: string
  what: 'begin' | 'done' | 'failed'
  atMs: number
}

export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Lines of `process`, kept as soon as they are said. */
export class RunLog {
  readonly #file: number
  readonly #process: string

  constructor(path: string, process: string) {
    this.#file = openSync(path, 'a')
    this.#process = process
  }

  say(n: number, attempt: number, what: RunLine['what']): void {
    const line: RunLine = { n, attempt, process: this.#process, what, atMs: nowMs() }
    writeSync(this.#file, `${JSON.stringify(line)}\n`)
  }
}

/** In the order in which they began. The last line of a process that was killed may be half of one. */
export function runsOf(paths: readonly string[]): Run[] {
  const open = new Map<string, Run>()
  const runs: Run[] = []
  for (const path of paths) {
    const lines = readFileSync(path, 'utf8').split('\n')
    lines.pop()
    for (const { n, attempt, process, what, atMs } of lines.map((line) => JSON.parse(line) as RunLine)) {
      const id = `${process} ${n} ${attempt}`
      const run = open.get(id)
      if (what === 'begin') {
        const begun: Run = { n, attempt, process, fromMs: atMs, end: undefined }
        open.set(id, begun)
        runs.push(begun)
      } else if (run) run.end = { atMs, how: what }
    }
  }
  return runs.sort((a, b) => a.fromMs - b.fromMs)
}
