// A front's place in the log of purges. It hears of each by its door; what it did not hear, because it stood still or was not
// there, it finds in the log, within a second or before it serves. Its place is written down beside what it keeps.
//
// The place is on disk at once; what a purge did to the files there may be in the kernel only, which loses it when the
// machine itself fails. So the place says in which run of the machine it was written, and which purge was long ago then:
// after another start of the machine all since that one are done again.

import { readFile, stat } from 'node:fs/promises'
import { type Clock, systemClock } from '../../base/clock.ts'
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
  /** Which run of the machine this is; by the kernel's own id where it is left out. */
  bootId?: string
  clock?: Clock
  warn(message: string): void
}

const defaultLookIntervalMs = 1000
/** What was written so long ago is on disk: kernels wait half a minute, and ten where they spare a laptop's disk. */
const writtenBackMs = 10 * 60_000

export class PurgeFollower extends Lifecycle {
  readonly #options: PurgeFollowerOptions
  readonly #clock: Clock
  #position = 0
  /** The last purge whose effect is on disk for sure, and a later one for which that is only a matter of time. */
  #settled = Number.NaN
  #settling = { position: Number.NaN, sinceMs: Number.POSITIVE_INFINITY }
  #bootId = ''
  /** Of the log when it was read last. */
  #seen = ''
  #turn: Promise<unknown> = Promise.resolve()
  #keeping: Promise<void> = Promise.resolve()
  #isKept = true
  #timer: NodeJS.Timeout | undefined

  constructor(options: PurgeFollowerOptions) {
    super()
    this.#options = options
    this.#clock = options.clock ?? systemClock
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
    this.#bootId = this.#options.bootId ?? (await bootIdOfMachine())
    const place = await readFile(this.#options.place, 'utf8').catch(() => '')
    const [, position, settled, bootId] = /^(\d+) (\d+|NaN) (\S*)\n$/.exec(place) ?? []
    this.#settled = Number(settled ?? Number.NaN)
    this.#position = bootId === this.#bootId ? Number(position) : this.#settled
    await this.#inTurn(() => this.#catchUp())
    this.#settling = { position: this.#position, sinceMs: this.#clock.monotonic() }
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
    if (this.#settle()) this.#keep()
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
    this.#settle()
    this.#keep()
    return done
  }

  /** Whether more is on disk for sure than was known. */
  #settle(): boolean {
    const { position, sinceMs } = this.#settling
    const nowMs = this.#clock.monotonic()
    if (nowMs - sinceMs < writtenBackMs) return false
    const isMore = !Object.is(position, this.#settled)
    this.#settled = position
    this.#settling = { position: this.#position, sinceMs: nowMs }
    return isMore
  }

  /** Later than the purge, and not for each: one that is done again does no harm. */
  #keep(): void {
    if (!this.#isKept) return
    this.#isKept = false
    this.#keeping = this.#keeping.then(async () => {
      this.#isKept = true
      const place = `${this.#position} ${this.#settled} ${this.#bootId}\n`
      await replaceFile(this.#options.place, place, 0o600).catch((error) =>
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

/** Empty where the system does not say: there a place is believed, whatever became of the machine. */
function bootIdOfMachine(): Promise<string> {
  return readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
    (text) => text.trim(),
    () => '',
  )
}

/** Changes with every line. */
async function markOf(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined)
  return found ? `${found.ino} ${found.size}` : ''
}
