// Asks one source where it stands, over a connection of its own: the pool's may all be busy, and a server that hangs is
// told from one that is busy by this one question, which costs it nothing.
//
// idle -> asking by ask(); asking -> idle by an answer, an error, or after `sourceHangMs`, when the connection is cut and
// the source counts as hanging until it answers. One question is under way at a time.

import { backoffMs } from '../../../base/backoff.ts'
import { TenfoldError } from '../../../base/errors.ts'
import type { Random } from '../../../base/random.ts'
import type { PositionReport } from '../causality/position-query.ts'
import { Connection } from '../connection.ts'
import type { RouterOptions } from '../options.ts'
import type { Source } from './source.ts'

export interface WatchListener {
  onReport(report: PositionReport, connection: Connection): void
  /** It did not answer in time, or ended the connection. */
  onHang(): void
}

const retry = { baseMs: 50, capMs: 1000 }

export class Watch {
  readonly #source: Source
  readonly #options: RouterOptions
  readonly #listener: WatchListener
  readonly #random: Random
  #connection: Connection | undefined
  /** Monotonic time of the question under way; 0: none is. */
  #askedAt = 0
  #failures = 0
  #retryAt = 0
  #isClosed = false

  constructor(source: Source, options: RouterOptions, listener: WatchListener, random: Random) {
    this.#source = source
    this.#options = options
    this.#listener = listener
    this.#random = random
  }

  /** Asks, unless a question is under way or the last failure was just now. Never throws. */
  ask(now: number): void {
    if (this.#askedAt > 0) this.#checkHang(now)
    else if (!this.#isClosed && now >= this.#retryAt) {
      this.#askedAt = now
      void this.#askNow().then(
        () => this.#end(true),
        () => this.#end(false),
      )
    }
  }

  close(): void {
    this.#isClosed = true
    this.#drop()
  }

  async #askNow(): Promise<void> {
    const known = this.#connection
    // After a loss of connections only a newer one tells what the server holds now.
    if (known && (!known.isUsable || known.generation !== this.#source.generation)) this.#drop()
    const connection = this.#connection ?? (await this.#connect())
    const report = await connection.askPosition()
    if (report) this.#listener.onReport(report, connection)
  }

  async #connect(): Promise<Connection> {
    const { silenceMs } = this.#options
    const connection = new Connection(this.#source.pool.settings, silenceMs, () => this.#lost(connection))
    this.#connection = connection
    await connection.connect()
    return connection
  }

  #end(isAnswered: boolean): void {
    this.#askedAt = 0
    this.#failures = isAnswered ? 0 : this.#failures + 1
    if (isAnswered) return
    this.#drop()
    this.#retryAt = performance.now() + backoffMs(this.#failures, retry, this.#random)
  }

  #checkHang(now: number): void {
    const { sourceHangMs } = this.#options
    if (now - this.#askedAt < sourceHangMs) return
    const { node } = this.#source
    const reason = new TenfoldError('timeout', `${node} did not say within ${sourceHangMs} ms where it stands`)
    this.#connection?.destroy(reason) // ends the question with an error
    this.#listener.onHang()
  }

  #lost(connection: Connection): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    this.#source.forget()
    // A server that is being fenced waits until nobody is at its door.
    this.#retryAt = performance.now() + retry.baseMs
  }

  #drop(): void {
    const connection = this.#connection
    this.#connection = undefined
    connection?.end()
  }
}
