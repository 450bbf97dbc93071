// Which primary each slot's statements go to: the map as pools, kept up with every version of it.
//
// A shard whose primary moved gets a new pool at once. The old one takes nothing more, and whoever stood in its line
// moves to the new one; what it has under way ends as the old primary lets it.

import { type MapNode, nodeOf, type SystemMap } from '../../map/map.ts'
import type { Place } from './call.ts'
import type { ConnectionPool, Waiter } from './connection-pool.ts'

interface Route {
  primary: string
  pool: ConnectionPool
}

export class Routes {
  readonly #openPool: (primary: MapNode) => ConnectionPool
  #byShard = new Map<string, Route>()
  #bySlot: Array<Route | undefined> = []
  /** Pools of former primaries that still have something under way. */
  #retired = new Set<ConnectionPool>()

  constructor(openPool: (primary: MapNode) => ConnectionPool) {
    this.#openPool = openPool
  }

  /** Shards with a known primary, in the map's order. */
  get shards(): readonly string[] {
    return [...this.#byShard.keys()]
  }

  /** Statements and transactions under way, at former primaries too. */
  get inFlight(): number {
    return this.pools.reduce((sum, { busy }) => sum + busy, 0)
  }

  get waiting(): number {
    return this.pools.reduce((sum, { waiting }) => sum + waiting, 0)
  }

  get pools(): ConnectionPool[] {
    return [...Array.from(this.#byShard.values(), ({ pool }) => pool), ...this.#retired]
  }

  // The seam for reads on replicas: here a place becomes a pool, and a read could get another one than a write.
  poolOf(place: Place): ConnectionPool | undefined {
    return (typeof place === 'number' ? this.#bySlot[place] : this.#byShard.get(place))?.pool
  }

  /** Answers whether a primary moved. A shard whose primary is not in the map keeps the one that it had. */
  apply(map: SystemMap): boolean {
    const before = this.#byShard
    const moved: Array<{ to: ConnectionPool; waiters: Waiter[] }> = []
    this.#byShard = new Map()
    for (const { id, primary } of map.shards) {
      const node = nodeOf(map, primary)
      const old = before.get(id)
      const route = old && (!node || leadsTo(old, node)) ? old : node && { primary, pool: this.#openPool(node) }
      if (!route) continue
      this.#byShard.set(id, route)
      if (old && old !== route) moved.push({ to: route.pool, waiters: this.#retire(old.pool) })
    }
    this.#bySlot = []
    for (const { id, slots } of map.shards) for (const slot of slots) this.#bySlot[slot] = this.#byShard.get(id)
    for (const { to, waiters } of moved) for (const waiter of waiters) to.acquire(waiter)
    return moved.length > 0
  }

  /** A retired pool has nothing under way any more. */
  forget(pool: ConnectionPool): void {
    this.#retired.delete(pool)
  }

  clear(): void {
    this.#byShard.clear()
    this.#retired.clear()
    this.#bySlot = []
  }

  #retire(pool: ConnectionPool): Waiter[] {
    if (pool.busy > 0) this.#retired.add(pool)
    return pool.retire()
  }
}

function leadsTo({ primary, pool: { settings } }: Route, node: MapNode): boolean {
  return primary === node.id && settings.address === node.address && settings.port === node.port
}
