// A hold: for a moment no new statement or transaction begins, so that the primary can move while none is in flight.
//
// open -> held by hold(); held -> open by release, by the end of the lease, by a map whose primary changed, or at once
// when what was in flight did not finish in time. A second hold while held renews the lease.

import { openChannel } from '../../base/channels.ts'

export interface HoldTerms {
  /** The hold ends by itself after so long, should whoever asked for it be gone. */
  leaseMs: number
  /** How long what is in flight may take to finish. */
  drainMs: number
}

export interface HoldAnswer {
  /** Nothing is in flight and nothing begins. False: the hold has been let go. */
  isDrained: boolean
  inFlight: number
}

/** What a hold stops and asks. */
export interface Held {
  pause(): void
  resume(): void
  inFlight(): number
  waiting(): number
}

const holdChannel = openChannel('tenfold:hold')

export class Hold {
  readonly #held: Held
  #since = 0
  #lease: NodeJS.Timeout | undefined
  #quietListeners = new Set<() => void>()

  constructor(held: Held) {
    this.#held = held
  }

  get isOn(): boolean {
    return this.#lease !== undefined
  }

  async begin({ leaseMs, drainMs }: HoldTerms): Promise<HoldAnswer> {
    if (!this.isOn) this.#since = performance.now()
    clearTimeout(this.#lease)
    this.#lease = setTimeout(() => this.end(), leaseMs)
    this.#held.pause()
    await this.#quiet(drainMs)
    const inFlight = this.#held.inFlight()
    const isDrained = this.isOn && inFlight === 0
    if (!isDrained) this.end()
    return { isDrained, inFlight }
  }

  end(): void {
    if (!this.isOn) return
    clearTimeout(this.#lease)
    this.#lease = undefined
    if (holdChannel.hasSubscribers)
      holdChannel.publish({ heldMs: performance.now() - this.#since, waiting: this.#held.waiting() })
    this.#held.resume()
    this.noteQuiet()
  }

  /** What was in flight has finished, or there is nothing left to wait for. */
  noteQuiet(): void {
    for (const listener of this.#quietListeners) listener()
  }

  #quiet(drainMs: number): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.#held.inFlight() === 0 || !this.isOn) done()
      }
      const done = () => {
        clearTimeout(timer)
        this.#quietListeners.delete(check)
        resolve()
      }
      const timer = setTimeout(done, drainMs)
      this.#quietListeners.add(check)
      check()
    })
  }
}
