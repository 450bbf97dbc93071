// One reader of one lane, from getting it to letting go of it: read, handle, keep the place, read on.
//
// The place is kept by the same statement that reads what comes next. When the engine cannot be asked, it is asked again with
// the same place, so that a primary that moves repeats nothing. A batch whose handler fails is read again one entry at a
// time: the good ones before the bad one are then handled once.

import { backoffMs } from '../../../base/backoff.ts'
import { openChannel } from '../../../base/channels.ts'
import { describeError, TenfoldError } from '../../../base/errors.ts'

import type { EntryHandler, HeldLane, ReadAnswer, StreamEngine } from './contract.ts'
import { pollMsMax, pollMsMin } from './options.ts'
import type { ReaderContext } from './reader-context.ts'

const reasonCharactersMax = 2000
const channel = openChannel('tenfold:stream')

export interface LaneOptions {
  batchMax: number
  backoff: { baseMs: number; capMs: number }
}

export class LaneRun {
  /** Resolves when nothing of the lane is handled here any more; never rejects. */
  readonly finished: Promise<void>
  readonly lane: HeldLane
  readonly #engine: StreamEngine
  readonly #handler: EntryHandler
  readonly #options: LaneOptions
  readonly #context: ReaderContext
  readonly #ending = new AbortController()
  #waking = new AbortController()
  #pollMs = pollMsMin
  #isHandling = false
  /** Handled, and perhaps not kept yet. */
  #handled: string | undefined
  /** Entries that are read one at a time. */
  #oneByOne = 0
  #isLost = false

  constructor(
    engine: StreamEngine,
    lane: HeldLane,
    handler: EntryHandler,
    options: LaneOptions,
    context: ReaderContext,
  ) {
    this.#engine = engine
    this.lane = lane
    this.#handler = handler
    this.#options = options
    this.#context = context
    this.finished = this.#run()
  }

  get isHandling(): boolean {
    return this.#isHandling
  }

  /** Something may have come. */
  hint(): void {
    this.#pollMs = pollMsMin
    this.#waking.abort()
  }

  /** The lane is somebody else's, or may be. */
  lose(): void {
    this.#isLost = true
    this.#end(new TenfoldError('timeout', `lane ${this.lane.id} is somebody else's now`))
  }

  /** Ends after what is being handled, and lets go of the lane when that ends in time; else its lease has to run out. */
  async handOver(drainMs: number): Promise<void> {
    this.#end(new TenfoldError('closed', 'the reader stops'))
    const giveUp = new AbortController()
    await Promise.race([this.finished, this.#context.clock.sleep(drainMs, giveUp.signal)])
    giveUp.abort()
    if (this.#isHandling || this.#isLost) return
    const { lane } = this
    await this.#engine.letGo([this.#handled === undefined ? { lane } : { lane, handled: this.#handled }])
  }

  async #run(): Promise<void> {
    let failures = 0
    while (!this.#ending.signal.aborted) {
      try {
        const max = this.#oneByOne > 0 ? 1 : this.#options.batchMax
        const request = this.#handled === undefined ? { max } : { max, handled: this.#handled }
        const answer = await this.#engine.read(this.lane, request)
        failures = 0
        if (answer === 'lost') {
          this.#isLost = true
          return
        }
        this.#handled = undefined
        if (answer.entries.length > 0) await this.#handle(answer)
        else await this.#wait()
      } catch (error) {
        const { id, stream, group } = this.lane
        this.#context.log.warn(
          { err: error, stream, group, lane: id },
          `could not read a stream: ${describeError(error)}`,
        )
        await this.#pause(failures++)
      }
    }
  }

  async #handle({ entries, after, failed }: ReadAnswer): Promise<void> {
    if (this.#ending.signal.aborted) return
    this.#pollMs = pollMsMin
    this.#isHandling = true
    const startedAt = this.#context.clock.monotonic()
    try {
      await this.#handler(entries, { signal: this.#ending.signal, lane: this.lane.id, after, failed })
      this.#handled = entries.at(-1)?.position
      this.#oneByOne = Math.max(0, this.#oneByOne - entries.length)
      this.#tell('done', entries.length, startedAt)
    } catch (error) {
      this.#tell('failed', entries.length, startedAt)
      this.#oneByOne = Math.max(this.#oneByOne, entries.length)
      // Whoever was told to stop has not failed.
      if (!this.#ending.signal.aborted) await this.#fail(error, failed, entries.length)
    } finally {
      this.#isHandling = false
    }
  }

  /** A batch of many says nothing of its first entry: only one that fails alone has failed. */
  async #fail(error: unknown, failed: number, count: number): Promise<void> {
    const { id, stream, group } = this.lane
    const reason = describeError(error).slice(0, reasonCharactersMax)
    this.#context.log.warn({ err: error, stream, group, lane: id }, `a handler of a stream failed: ${reason}`)
    if (count > 1) return
    await this.#engine.failed(this.lane, reason)
    this.#isHandling = false
    await this.#pause(failed)
  }

  async #wait(): Promise<void> {
    this.#waking = new AbortController()
    const waitMs = this.#pollMs
    this.#pollMs = Math.min(this.#pollMs * 2, pollMsMax)
    if (this.#ending.signal.aborted) return
    await this.#context.clock.sleep(waitMs, this.#waking.signal)
  }

  #pause(attempt: number): Promise<void> {
    const { clock, random } = this.#context
    return clock.sleep(backoffMs(attempt + 1, this.#options.backoff, random), this.#ending.signal)
  }

  #end(reason: TenfoldError): void {
    this.#ending.abort(reason)
    this.#waking.abort()
  }

  #tell(outcome: 'done' | 'failed', entries: number, startedAt: number): void {
    if (!channel.hasSubscribers) return
    const { stream, group } = this.lane
    channel.publish({ stream, group, outcome, entries, durationMs: this.#context.clock.monotonic() - startedAt })
  }
}
