// Work on the disk that nobody waits for, a few things at a time, in order.

export class Background {
  readonly #atOnceMax: number
  readonly #tasks: Array<() => Promise<void>> = []
  #next = 0
  readonly #running = new Set<Promise<void>>()

  constructor(atOnceMax: number) {
    this.#atOnceMax = atOnceMax
  }

  /** Not begun yet. */
  get waiting(): number {
    return this.#tasks.length - this.#next
  }

  /** A task must not reject. */
  add(task: () => Promise<void>): void {
    this.#tasks.push(task)
    this.#fill()
  }

  /** Drops what has not begun. */
  clear(): void {
    this.#tasks.length = 0
    this.#next = 0
  }

  /** Resolves when all that was added before is done. */
  async flush(): Promise<void> {
    if (this.waiting > 0) await new Promise<void>((resolve) => this.add(async () => resolve()))
    await Promise.all(this.#running)
  }

  #fill(): void {
    while (this.#running.size < this.#atOnceMax) {
      const task = this.#take()
      if (!task) return
      const running = task().finally(() => {
        this.#running.delete(running)
        this.#fill()
      })
      this.#running.add(running)
    }
  }

  /** The list is cut when all of it has begun, so that taking from its front costs nothing. */
  #take(): (() => Promise<void>) | undefined {
    const task = this.#tasks[this.#next]
    if (!task) return undefined
    this.#next++
    if (this.#next === this.#tasks.length) this.clear()
    return task
  }
}
