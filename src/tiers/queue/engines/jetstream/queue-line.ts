// One queue as its workers see it: all its lanes, those of a higher priority first.

import type { Delivery, LaneDeliveries } from './deliveries.ts'
import type { Lane } from './names.ts'

export class QueueLine {
  readonly #makeLane: (lane: Lane) => LaneDeliveries
  readonly #lanes = new Map<string, LaneDeliveries>()
  #taking: Promise<unknown> = Promise.resolve()

  constructor(makeLane: (lane: Lane) => LaneDeliveries) {
    this.#makeLane = makeLane
  }

  add(lane: Lane): void {
    if (!this.#lanes.has(lane.name)) this.#lanes.set(lane.name, this.#makeLane(lane))
  }

  /** Up to `max` of what is there; of deliveries that wait here, those that the server began to lease after `notBefore`. @throws unavailable */
  take(max: number, notBefore: number): Promise<Delivery[]> {
    // One at a time: whatever a lane brings belongs to the pull that is under way.
    const taking = this.#taking.then(() => this.#take(max, notBefore))
    this.#taking = taking.catch(() => {})
    return taking
  }

  /** At each lane a pull waits for the next job. @throws unavailable */
  stand(): void {
    for (const lane of this.#lanes.values()) if (!lane.stands) lane.stand()
  }

  drop(): void {
    for (const lane of this.#lanes.values()) lane.drop()
  }

  /** What came before `since` and was not taken. */
  takeLeft(since: number): Delivery[] {
    return [...this.#lanes.values()].flatMap((lane) => lane.takeLeft(since))
  }

  async #take(max: number, notBefore: number): Promise<Delivery[]> {
    const taken: Delivery[] = []
    let isHeldUp = false
    for (const lane of [...this.#lanes.values()].sort((a, b) => Number(b.lane.name) - Number(a.lane.name))) {
      if (taken.length >= max) break
      taken.push(...lane.takeKept(max - taken.length, notBefore))
      // One that does not answer holds up a take once.
      if (isHeldUp || taken.length >= max || lane.stands || lane.isSilent) continue
      try {
        taken.push(...(await lane.pull(max - taken.length)))
      } catch (error) {
        // The connection was lost on the way. What came before that is ours, and nobody else would give it back.
        if (taken.length === 0) throw error
        break
      }
      isHeldUp = lane.isSilent
    }
    return taken
  }
}
