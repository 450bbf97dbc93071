// The access log: one line for each request, written in batches behind the requests' back. No request waits for it: what the
// disk does not take in time is dropped beyond a bound, and counted.

import { type Clock, systemClock } from '../../../base/clock.ts'
import type { FinishedExchange } from '../../../net/http1/exchange.ts'
import { entryOf } from './entry.ts'
import { type AccessLogFormat, lineOf } from './formats.ts'
import { LogFile } from './log-file.ts'
import type { LogSink } from './log-sink.ts'

export interface AccessLogOptions {
  format: AccessLogFormat
  /** Characters that may wait to be written. */
  waitingCharsMax?: number
  /** A line waits so long for others to go with. */
  flushMs?: number
  clock?: Clock
}

const defaultWaitingCharsMax = 4 * 1024 * 1024
const defaultFlushMs = 200
/** As much is not waited with. */
const batchChars = 64 * 1024

/** @throws what opening the file throws: where it cannot be written at all, a start should fail and not a log. */
export async function openAccessLog({ file, ...options }: AccessLogOptions & { file: string }): Promise<AccessLog> {
  return new AccessLog(await LogFile.open(file), options)
}

export class AccessLog {
  readonly #sink: LogSink
  readonly #format: AccessLogFormat
  readonly #waitingCharsMax: number
  readonly #flushMs: number
  readonly #clock: Clock
  #lines: string[] = []
  #chars = 0
  /** The batch that is being written. */
  #writing: { chars: number; done: Promise<void> } | undefined
  /** The last batch may have ended inside a line. */
  #isCut = false
  #timer: NodeJS.Timeout | undefined
  #dropped = 0
  #isClosed = false

  constructor(sink: LogSink, { format, waitingCharsMax, flushMs, clock }: AccessLogOptions) {
    this.#sink = sink
    this.#format = format
    this.#waitingCharsMax = waitingCharsMax ?? defaultWaitingCharsMax
    this.#flushMs = flushMs ?? defaultFlushMs
    this.#clock = clock ?? systemClock
  }

  /** Lines that were lost: there was no room for them, or the disk did not take them. */
  get dropped(): number {
    return this.#dropped
  }

  add(finished: FinishedExchange): void {
    const line = lineOf(entryOf(finished, this.#clock.now()), this.#format)
    const waiting = this.#chars + (this.#writing?.chars ?? 0)
    if (this.#isClosed || waiting + line.length > this.#waitingCharsMax) {
      this.#dropped++
      return
    }
    this.#lines.push(line)
    this.#chars += line.length
    if (this.#chars >= batchChars) this.#flush()
    else this.#timer ??= setTimeout(() => this.#flush(), this.#flushMs).unref()
  }

  /** Writes what waits and ends. May be called twice. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    while (this.#writing !== undefined || this.#lines.length > 0) {
      this.#flush()
      await this.#writing?.done
    }
    await this.#sink.close()
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#writing !== undefined || this.#lines.length === 0) return
    const lines = this.#lines
    const chars = this.#chars
    this.#lines = []
    this.#chars = 0
    this.#writing = { chars, done: this.#write(lines) }
  }

  async #write(lines: readonly string[]): Promise<void> {
    try {
      await this.#sink.write(`${this.#isCut ? '\n' : ''}${lines.join('')}`)
      this.#isCut = false
    } catch {
      this.#isCut = true
      this.#dropped += lines.length
    }
    this.#writing = undefined
    if (this.#chars >= batchChars) this.#flush()
    else if (this.#lines.length > 0) this.#timer ??= setTimeout(() => this.#flush(), this.#flushMs).unref()
  }
}
