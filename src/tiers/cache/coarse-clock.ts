// The time for hits: asked of the system every few milliseconds or every 64 reads, since asking costs more than a hit.
//
// What it says may be some milliseconds old. The timer alone would not do: a chain of awaited hits never lets it run.

const readsMax = 64
const ageMsMax = 4

export class CoarseClock {
  #atMs = 0
  #readsLeft = 0
  #isArmed = false

  now(): number {
    if (--this.#readsLeft >= 0) return this.#atMs
    return this.#ask()
  }

  #ask(): number {
    this.#readsLeft = readsMax - 1
    this.#atMs = Date.now()
    if (!this.#isArmed) {
      this.#isArmed = true
      setTimeout(this.#expire, ageMsMax).unref()
    }
    return this.#atMs
  }

  readonly #expire = (): void => {
    this.#isArmed = false
    this.#readsLeft = 0
  }
}
