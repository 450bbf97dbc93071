// A process's own copy of the map. It changes when the supervisor says that there is a newer version (by the door),
// when a fence was met, and, should both be lost, by a slow look at the file.

import { Lifecycle } from '../base/lifecycle.ts'
import type { SystemMap } from './map.ts'
import { readMap } from './store.ts'

const backstopIntervalMs = 1000

export class MapSubscription extends Lifecycle {
  readonly #file: string
  #current: SystemMap | undefined
  #listeners = new Set<(map: SystemMap) => void>()
  #timer: NodeJS.Timeout | undefined
  #reading: Promise<SystemMap> | undefined
  /** The read after the one that is under way. */
  #next: Promise<SystemMap> | undefined

  constructor(file: string) {
    super()
    this.#file = file
  }

  /** The newest map that this process knows. Only while running. */
  get current(): SystemMap {
    if (!this.#current) throw new Error('the map is read by start()')
    return this.#current
  }

  /**
   * Reads the file again; listeners hear of a newer version before it resolves. Callers at the same time share a read,
   * but never one that was under way already: it may have opened the file before the version that the caller was told of.
   */
  refresh(): Promise<SystemMap> {
    if (!this.#reading) return this.#read()
    const again = () => this.#read()
    this.#next ??= this.#reading.then(again, again)
    return this.#next
  }

  /** Calls back with every newer map, not with the current one. */
  onChange(listener: (map: SystemMap) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  protected async open(): Promise<void> {
    this.#take(await readMap(this.#file))
    this.#timer = setInterval(() => void this.refresh().catch(() => {}), backstopIntervalMs)
    this.#timer.unref()
  }

  protected async close(): Promise<void> {
    clearInterval(this.#timer)
  }

  #read(): Promise<SystemMap> {
    this.#next = undefined
    const reading = readMap(this.#file)
      .then((map) => this.#take(map))
      .finally(() => {
        if (this.#reading === reading) this.#reading = undefined
      })
    this.#reading = reading
    return reading
  }

  #take(map: SystemMap): SystemMap {
    if (this.#current && map.version <= this.#current.version) return this.#current
    this.#current = map
    for (const listener of this.#listeners) listener(map)
    return map
  }
}
