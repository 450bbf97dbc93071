// Jobs in a line: an array with a place where it begins, since shifting a long one moves all that is behind.

import type { HeldJob } from './held-job.ts'

export class JobLine implements Iterable<HeldJob> {
  #jobs: Array<HeldJob | undefined> = []
  #begin = 0

  get size(): number {
    return this.#jobs.length - this.#begin
  }

  get first(): HeldJob | undefined {
    return this.#jobs[this.#begin]
  }

  push(job: HeldJob): void {
    this.#jobs.push(job)
  }

  shift(): HeldJob | undefined {
    if (this.size === 0) return undefined
    const job = this.#jobs[this.#begin]
    this.#jobs[this.#begin++] = undefined
    if (this.#begin === this.#jobs.length) {
      this.#jobs = []
      this.#begin = 0
    }
    return job
  }

  take(max: number): HeldJob[] {
    const taken: HeldJob[] = []
    for (let job = this.shift(); job; job = taken.length < max ? this.shift() : undefined) taken.push(job)
    return taken
  }

  *[Symbol.iterator](): Iterator<HeldJob> {
    for (let i = this.#begin; i < this.#jobs.length; i++) yield this.#jobs[i] as HeldJob
  }
}
