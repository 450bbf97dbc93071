// A front's place in the log of purges. It hears of each by its door; what it did not hear, because it stood still or was not
// there, it finds in the log, within a second or before it serves. Its place is written down beside what it keeps.

import { readFile, stat } from 'node:fs/promises'
import { describeError } from '../../base/errors.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import { replaceFile } from '../../map/store.ts'
import type { Purge } from '../../tiers/edge/contract.ts'
import { type LoggedPurge, readPurges } from './purge-log.ts'

export interface PurgeFollowerOptions {
  /** The system's log. */
  log: string
  /** Where the front's own place in it is kept. */
  place: string
  apply(purge: Purge): Promise<{ objects: number }>
  /** How often the log is looked at. */
  lookIntervalMs?: number
  warn(message: string): void
}

const defaultLookIntervalMs = 1000

export class PurgeFollower extends Lifecycle {
  readonly #options: PurgeFollowerOptions
  #position = 0
  /** Of the log when it was read last. */
  #seen = ''
  #turn: Promise<unknown> = Promise.resolve()
  #keeping: Promise<void> = Promise.resolve()
  #isKept = true
  #timer: NodeJS.Timeout | undefined

  constructor(options: PurgeFollowerOptions) {
    super()
    this.#options = options
  }

  /** The last purge that has taken effect here. */
  get position(): number {
    return this.#position
  }

  /** Resolves when the purge, and all before it, has taken effect. Told twice, it has no effect, unless it shall have it `again`. */
  async hear(logged: LoggedPurge, { again = false } = {}): Promise<{ objects: number }> {
    return this.#inTurn(async () => {
      if (logged.position <= this.#position) return again ? this.#options.apply(logged.purge) : { objects: 0 }
      if (logged.position === this.#position + 1) return this.#apply(logged)
      return { objects: await this.#catchUp() }
    })
  }

  /** Resolves when what it had missed has taken effect. */
  protected async open(): Promise<void> {
    const place = await readFile(this.#options.place, 'utf8').catch(() => '')
    this.#position = /^\d+\n$/.test(place) ? Number(place) : Number.NaN
    await this.#inTurn(() => this.#catchUp())
    const interval = this.#options.lookIntervalMs ?? defaultLookIntervalMs
    this.#timer = setInterval(() => void this.#look(), interval)
    this.#timer.unref()
  }

  protected async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#turn
    await this.#keeping
  }

  async #look(): Promise<void> {
    if ((await markOf(this.#options.log)) === this.#seen) return
    await this.#inTurn(() => this.#catchUp()).catch((error) =>
      this.#options.warn(`the log of purges could not be followed: ${describeError(error)}`),
    )
  }

  async #catchUp(): Promise<number> {
    const mark = await markOf(this.#options.log)
    const purges = await readPurges(this.#options.log)
    const [first] = purges
    const last = purges.at(-1)?.position ?? 0
    let objects = 0
    // Whoever does not know its place, or comes after the log was shortened, cannot know what it missed.
    if (!(this.#position >= (first?.position ?? 1) - 1 && this.#position <= last))
      objects += (await this.#apply({ position: last, at: '', purge: { everything: true } })).objects
    for (const logged of purges) if (logged.position > this.#position) objects += (await this.#apply(logged)).objects
    this.#seen = mark
    return objects
  }

  async #apply({ position, purge }: LoggedPurge): Promise<{ objects: number }> {
    const done = await this.#options.apply(purge)
    this.#position = position
    this.#keep()
    return done
  }

  /** Later than the purge, and not for each: one that is done again does no harm. */
  #keep(): void {
    if (!this.#isKept) return
    this.#isKept = false
    this.#keeping = this.#keeping.then(async () => {
      this.#isKept = true
      await replaceFile(this.#options.place, `${this.#position}\n`, 0o600).catch((error) =>
        this.#options.warn(`the place in the log of purges could not be kept: ${describeError(error)}`),
      )
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => {})
    return result
  }
}

/** Changes with every line. */
async function markOf(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined)
  return found ? `${found.ino} ${found.size}` : ''
}
