// One waiting write in this process's hands, from taking it to giving it up.
//
// States: taken -> stored | tried again later, or left to its lease when the process stops or the store does not end. The
// lease is extended at a third of its length. When it is lost the signal aborts, and the write is somebody else's.

import { backoffMs } from '../../../base/backoff.ts'
import { describeError, TenfoldError } from '../../../base/errors.ts'
import type { Store, TakenWrite, WriteEngine } from './contract.ts'
import type { WriteBackContext } from './options.ts'
import type { SeldomWarning } from './seldom-warning.ts'

export class StoreRun {
  /** Resolves when the write is off our hands, with whether a newer one of its key is due; never rejects. */
  readonly finished: Promise<boolean>
  readonly #engine: WriteEngine
  readonly #context: WriteBackContext
  readonly #aborting = new AbortController()
  #isLost = false

  constructor(
    engine: WriteEngine,
    { name, key }: { name: string; key: string },
    store: Store,
    context: WriteBackContext,
    unreached: SeldomWarning,
  ) {
    this.#engine = engine
    this.#context = context
    this.finished = this.#run(name, key, store).catch((error: unknown) => {
      // The engine could not be asked, or told. The lease ends and the write is taken again: at least once.
      unreached.warn({ err: error, name, key }, `a waiting write waits on: ${describeError(error)}`)
      return false
    })
  }

  /** Lets it end, aborts its signal when the time is over, and then leaves it to its lease. */
  async drain(drainMs: number): Promise<void> {
    const ended = new AbortController()
    await Promise.race([this.finished, this.#context.clock.sleep(drainMs, ended.signal)])
    ended.abort()
    this.#lose(new TenfoldError('closed', 'the process stops'))
  }

  async #run(name: string, key: string, store: Store): Promise<boolean> {
    const { leaseMs } = this.#context.limits
    const taken = await this.#engine.take(name, key, leaseMs)
    if (!taken) return false
    const renewal = setInterval(() => void this.#extend(taken), leaseMs / 3)
    try {
      await this.#store(taken, store)
    } catch (error) {
      if (!this.#isLost) await this.#tryLater(taken, error)
      return false
    } finally {
      clearInterval(renewal)
    }
    // Told also when the lease was lost: nobody who has it now is hurt, see the contract.
    return this.#engine.done(taken)
  }

  /** @throws what the store throws, or timeout when it does not end */
  async #store(taken: TakenWrite, store: Store): Promise<void> {
    const { clock, limits } = this.#context
    const { key, value, version, attempt } = taken
    const ended = new AbortController()
    const storing = store(key, value, { version, attempt, signal: this.#aborting.signal })
    const overdue = async () => {
      await clock.sleep(limits.storeMsMax, ended.signal)
      if (ended.signal.aborted) return
      this.#aborting.abort(new TenfoldError('timeout', `it is not stored after ${limits.storeMsMax} ms`))
      await clock.sleep(limits.storeGraceMs, ended.signal)
      if (ended.signal.aborted) return
      throw new TenfoldError('timeout', `the store of ${key} does not end`)
    }
    try {
      await Promise.race([storing, overdue()])
    } finally {
      ended.abort()
    }
  }

  async #tryLater(taken: TakenWrite, error: unknown): Promise<void> {
    const { log, limits, random } = this.#context
    const { name, key, attempt } = taken
    const reason = describeError(error)
    log.warn({ err: error, name, key, attempt }, `a write was not stored and is tried again: ${reason}`)
    await this.#engine.retry(taken, backoffMs(attempt, limits.backoff, random), reason)
  }

  async #extend(taken: TakenWrite): Promise<void> {
    const { name, key } = taken
    try {
      if (await this.#engine.extend(taken, this.#context.limits.leaseMs)) return
      this.#context.log.warn({ name, key }, 'a write took too long to store; somebody else has it')
      this.#lose(new TenfoldError('timeout', 'somebody else has the write'))
    } catch (error) {
      this.#context.log.warn({ err: error, name, key }, `could not extend a lease: ${describeError(error)}`)
    }
  }

  #lose(reason: TenfoldError): void {
    this.#isLost = true
    this.#aborting.abort(reason)
  }
}
