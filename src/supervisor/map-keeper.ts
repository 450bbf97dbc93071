// The only writer of the map: changes one at a time, each on disk before anyone hears of it.

import { systemClock } from '../base/clock.ts'
import { waitUntil } from '../base/limits.ts'
import type { Home } from '../map/home.ts'
import { hasDoor, type MapNode, type NodeState, nodeOf, type SystemMap } from '../map/map.ts'
import { writeMap } from '../map/store.ts'
import { DoorClient } from '../processes/door/client.ts'

/** How long a process that answers its door is told again when it did not apply what it was told. */
const defaultInsistMs = 5000
const tellAgainMs = 100

export class MapKeeper {
  readonly #home: Home
  readonly #insistMs: number
  #map: SystemMap
  #last: Promise<unknown> = Promise.resolve()
  #listeners = new Set<(map: SystemMap) => void>()

  constructor(home: Home, map: SystemMap, { insistMs = defaultInsistMs }: { insistMs?: number } = {}) {
    this.#home = home
    this.#map = map
    this.#insistMs = insistMs
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
   * Resolves when every process that has a door has applied the new version, so that no front asks a server any more that
   * stops next. One that hangs, or cannot apply it, must not keep the others waiting: it is told again for `insistMs`, or until
   * `patienceMs` is over. Going on without it is safe, if not smooth: it reads the map by itself within a second of running
   * again, what it asks of a server that is gone is refused and asked of another, and databases have their fences. A process
   * that has not opened its door yet, or is dead, is not waited for.
   */
  async changeEverywhere(edit: (draft: SystemMap) => void, patienceMs?: number): Promise<void> {
    await this.#write(edit)
    const telling = this.#tellProcesses({ insists: true })
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

  async #tellProcesses({ insists = false } = {}): Promise<void> {
    const { nodes, version } = this.#map
    const timeoutMs = insists ? this.#insistMs : 0
    const tell = async ({ id }: MapNode) => {
      const door = new DoorClient(this.#home, id)
      const hasApplied = async () => {
        try {
          return (await door.applyMap()).mapVersion >= version
        } catch (error) {
          if (isNobodyThere(error)) return true
          throw error
        }
      }
      await waitUntil(hasApplied, { what: `${id} following the map`, timeoutMs, intervalMs: tellAgainMs })
    }
    await Promise.allSettled(nodes.filter((node) => hasDoor(node.role) && node.pid !== null).map(tell))
  }
}

/** There is no door, or nobody behind it. */
function isNobodyThere(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: unknown } }
  return cause?.code === 'ENOENT' || cause?.code === 'ECONNREFUSED'
}
