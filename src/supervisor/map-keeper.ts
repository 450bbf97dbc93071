// The only writer of the map: changes one at a time, each on disk before anyone hears of it.

import { systemClock } from '../base/clock.ts'
import type { Home } from '../map/home.ts'
import { hasDoor, type MapNode, type NodeState, nodeOf, type SystemMap } from '../map/map.ts'
import { writeMap } from '../map/store.ts'
import { DoorClient } from '../processes/door/client.ts'

export class MapKeeper {
  readonly #home: Home
  #map: SystemMap
  #last: Promise<unknown> = Promise.resolve()
  #listeners = new Set<(map: SystemMap) => void>()

  constructor(home: Home, map: SystemMap) {
    this.#home = home
    this.#map = map
  }

  get map(): SystemMap {
    return this.#map
  }

  node(id: string): MapNode | undefined {
    return nodeOf(this.#map, id)
  }

  onChange(listener: (map: SystemMap) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves when the new version is on disk; the processes are told, and not waited for. */
  async change(edit: (draft: SystemMap) => void): Promise<void> {
    await this.#write(edit)
    void this.#tellProcesses()
  }

  /**
   * Resolves when every process that answers its door has applied the new version; at the latest after `patienceMs`,
   * since one that hangs must not keep the others waiting.
   */
  async changeEverywhere(edit: (draft: SystemMap) => void, patienceMs?: number): Promise<void> {
    await this.#write(edit)
    const telling = this.#tellProcesses()
    await (patienceMs === undefined ? telling : Promise.race([telling, systemClock.sleep(patienceMs)]))
  }

  setState(id: string, state: NodeState, more: Partial<MapNode> = {}): Promise<void> {
    return this.change((draft) => {
      const node = nodeOf(draft, id)
      if (!node) return
      if (node.state !== state) node.since = new Date().toISOString()
      Object.assign(node, more, { state })
    })
  }

  #write(edit: (draft: SystemMap) => void): Promise<void> {
    const writing = this.#last.then(async () => {
      const draft = structuredClone(this.#map)
      edit(draft)
      draft.version++
      await writeMap(this.#home.map, draft)
      this.#map = draft
      for (const listener of this.#listeners) listener(draft)
    })
    this.#last = writing.catch(() => {})
    return writing
  }

  async #tellProcesses(): Promise<void> {
    const listening = this.#map.nodes.filter((node) => hasDoor(node.role) && node.pid !== null)
    await Promise.allSettled(listening.map((node) => new DoorClient(this.#home, node.id).applyMap()))
  }
}
