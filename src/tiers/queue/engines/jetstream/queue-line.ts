// One queue as its workers see it: all its lanes, those of a higher priority first.

import type { Delivery, LaneDeliveries } from './deliveries.ts'
import { isKeyed, type Lane, rankOf } from './names.ts'

export class QueueLine {
  readonly #makeLane: (lane: Lane) => LaneDeliveries
  readonly #lanes = new Map<string, LaneDeliveries>()
  #taking: Promise<unknown> = Promise.resolve()
  #turn = 0

  constructor(makeLane: (lane: Lane) => LaneDeliveries) {
    this.#makeLane = makeLane
  }

  add(lane: Lane): void {
    if (!this.#lanes.has(lane.name)) this.#lanes.set(lane.name, this.#makeLane(lane))
  }

  /** The lane of a delivery or a status. */
  lane(name: string): LaneDeliveries | undefined {
    return this.#lanes.get(name)
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
    for (const group of this.#inOrder()) {
      if (taken.length >= max) break
      for (const lane of group) taken.push(...lane.takeKept(max - taken.length, notBefore))
      // One that does not answer holds up a take once.
      if (isHeldUp) continue
      const asked = group.filter((lane) => !lane.stands && !lane.isBusy && !lane.isSilent).slice(0, max - taken.length)
      try {
        if (asked.length === 1) taken.push(...(await (asked[0] as LaneDeliveries).pull(max - taken.length)))
        // Shares of the keys: each has one at most.
        else if (asked.length > 1) taken.push(...(await Promise.all(asked.map((lane) => lane.pull(1)))).flat())
      } catch (error) {
        // The connection was lost on the way. What came before that is ours, and nobody else would give it back.
        if (taken.length === 0) throw error
        break
      }
      isHeldUp = asked.some((lane) => lane.isSilent)
    }
    return taken
  }

  /** Lanes that can be asked at the same time, the most urgent first. Keys and what has no key come first by turns. */
  #inOrder(): LaneDeliveries[][] {
    const all = [...this.#lanes.values()]
    const plain = all.filter(({ lane }) => !isKeyed(lane)).sort((a, b) => rankOf(b.lane) - rankOf(a.lane))
    const keyed = all.filter(({ lane }) => isKeyed(lane))
    const turn = this.#turn++
    const groups = plain.map((lane) => [lane])
    if (keyed.length === 0) return groups
    const start = turn % keyed.length
    const keys = [...keyed.slice(start), ...keyed.slice(0, start)]
    const last = groups.at(-1)?.[0]
    if (turn % 2 === 0 || !last || rankOf(last.lane) > 0) return [...groups, keys]
    return [...groups.slice(0, -1), keys, ...groups.slice(-1)]
  }
}
