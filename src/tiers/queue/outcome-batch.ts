// Jobs that are done are forgotten many at a time: what ends in one turn of the event loop, and while the batch before is
// being written, goes in one statement. A job stays leased until its batch is written. There are never more in here than
// the workers have hands, since each waits for its own.
//
// A batch has jobs of one place, so that a server that is away or slow holds up, and fails, what lies there and nothing else.

import type { QueueEngine, TakenJob } from './contract.ts'

const batchJobsMax = 500
/** Two, so that one gathers on the server's side what the other waits for on the disk. */
const writingMax = 2

type Ends = Pick<QueueEngine, 'done' | 'placeOf'>

interface Ended {
  job: TakenJob
  resolve: () => void
  reject: (error: unknown) => void
}

export class OutcomeBatch {
  readonly #engine: Ends
  /** As many as the engine has places. */
  readonly #byPlace = new Map<string, PlaceBatch>()

  constructor(engine: Ends) {
    this.#engine = engine
  }

  /** As the engine's own. */
  done(job: TakenJob): Promise<void> {
    const place = this.#engine.placeOf(job)
    let batch = this.#byPlace.get(place)
    if (!batch) {
      batch = new PlaceBatch(this.#engine)
      this.#byPlace.set(place, batch)
    }
    return batch.done(job)
  }
}

class PlaceBatch {
  readonly #engine: Ends
  #ended: Ended[] = []
  #writing = 0
  #isPlanned = false

  constructor(engine: Ends) {
    this.#engine = engine
  }

  done(job: TakenJob): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#ended.push({ job, resolve, reject })
      this.#plan()
    })
  }

  #plan(): void {
    if (this.#isPlanned || this.#writing >= writingMax || this.#ended.length === 0) return
    this.#isPlanned = true
    setImmediate(() => {
      this.#isPlanned = false
      void this.#write()
      this.#plan()
    })
  }

  async #write(): Promise<void> {
    const batch = this.#ended.splice(0, batchJobsMax)
    this.#writing++
    try {
      await this.#engine.done(batch.map(({ job }) => job))
      for (const { resolve } of batch) resolve()
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.#writing--
      this.#plan()
    }
  }
}
