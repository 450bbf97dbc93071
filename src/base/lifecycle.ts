// Start and stop, made safe once for every service: stop before start, stop twice, stop while starting.
//
// States: idle -> starting -> running -> stopping -> idle. `start` in any state but idle joins what is under way;
// `stop` waits for a start that is under way and then undoes it. A start that throws leaves the service idle.

export interface Service {
  /** Resolves when the service serves. At once when it already does. */
  start(): Promise<void>
  /** Resolves when everything that start opened is closed. May come before start, twice, or during it. */
  stop(): Promise<void>
}

export abstract class Lifecycle implements Service {
  #state: 'idle' | 'starting' | 'running' | 'stopping' = 'idle'
  #under: Promise<void> = Promise.resolve()

  /** Opens everything. When it throws, whatever it opened is its own to close. */
  protected abstract open(): Promise<void>
  /** Closes everything. Called once for each `open` that succeeded. */
  protected abstract close(): Promise<void>

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  start(): Promise<void> {
    if (this.#state === 'starting' || this.#state === 'running') return this.#under
    return this.#enter('starting', 'running', () => this.open())
  }

  stop(): Promise<void> {
    if (this.#state === 'idle' || this.#state === 'stopping') return this.#under.catch(() => {})
    return this.#enter('stopping', 'idle', () => this.close())
  }

  #enter(during: 'starting' | 'stopping', after: 'running' | 'idle', work: () => Promise<void>): Promise<void> {
    this.#state = during
    const before = this.#under
    const under = before.then(
      () => work(),
      () => (during === 'starting' ? work() : undefined),
    )
    this.#under = under
    under.then(
      () => {
        if (this.#under === under) this.#state = after
      },
      () => {
        if (this.#under === under) {
          this.#state = 'idle'
          this.#under = Promise.resolve()
        }
      },
    )
    return under
  }
}
