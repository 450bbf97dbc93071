// Which servers each slot's statements go to: the map as sources with their pools, kept up with every version of it.
//
// A server that is no longer its shard's takes nothing more, and whoever stood in its line goes elsewhere: to the new
// primary, or to where a read goes now. What it has under way ends as it lets it. A replica that becomes the primary is
// another source, with the free connections of the former one: a login takes longer than the rest of a switchover's end.

import type { Random } from '../../base/random.ts'
import { type MapNode, nodeOf, type SystemMap } from '../../map/map.ts'
import { parseLsn } from '../../programs/postgres/lsn.ts'
import type { Place } from './call.ts'
import type { ConnectionPool, Waiter } from './connection-pool.ts'
import type { RouterOptions } from './options.ts'
import { ShardSources, type ShardTerms } from './sources/shard-sources.ts'
import { type Login, Source } from './sources/source.ts'

export interface RoutesListener {
  onQuiet(): void
  onMapIsOld(): void
}

export class Routes {
  readonly #login: Login
  readonly #options: RouterOptions
  readonly #listener: RoutesListener
  readonly #random: Random
  #byShard = new Map<string, ShardSources>()
  #bySlot: Array<ShardSources | undefined> = []
  /** Former sources that still have something under way. */
  #retired = new Set<Source>()
  #homeless: Waiter[] = []

  constructor(login: Login, options: RouterOptions, listener: RoutesListener, random: Random) {
    this.#login = login
    this.#options = options
    this.#listener = listener
    this.#random = random
  }

  /** Shards with a known primary, in the map's order. */
  get shards(): readonly string[] {
    return [...this.#byShard.keys()]
  }

  get sources(): Source[] {
    return [...Array.from(this.#byShard.values(), ({ sources }) => sources).flat(), ...this.#retired]
  }

  /** Pools of primaries, of former ones too: what a hold stops. Reads of replicas go on. */
  get primaries(): ConnectionPool[] {
    return this.sources.filter(({ role }) => role === 'primary').map(({ pool }) => pool)
  }

  shardOf(place: Place): ShardSources | undefined {
    return typeof place === 'number' ? this.#bySlot[place] : this.#byShard.get(place)
  }

  /** Answers whether a primary moved. A shard whose primary is not in the map keeps the one that it had. */
  apply(map: SystemMap): boolean {
    const before = this.#byShard
    let hasMoved = false
    this.#byShard = new Map()
    for (const shard of map.shards) {
      const old = before.get(shard.id)
      const terms = termsOf(map, shard.id)
      if (old && terms) hasMoved = old.apply(terms) || hasMoved
      const route = old ?? (terms && this.#openShard(terms))
      if (route) this.#byShard.set(shard.id, route)
    }
    for (const [id, shard] of before) if (!this.#byShard.has(id)) shard.retire()
    this.#bySlot = []
    for (const { id, slots } of map.shards) for (const slot of slots) this.#bySlot[slot] = this.#byShard.get(id)
    for (const waiter of this.#homeless.splice(0)) waiter.reroute()
    return hasMoved
  }

  clear(): void {
    for (const shard of this.#byShard.values()) shard.close()
    this.#byShard.clear()
    this.#retired.clear()
    this.#bySlot = []
  }

  #openShard(terms: ShardTerms): ShardSources {
    const listener = {
      openSource: (node: MapNode, shard: { id: string; role: 'primary' | 'replica'; timeline: number }) =>
        this.#openSource(node, shard),
      onRetired: (source: Source) => this.#retire(source),
      onMapIsOld: () => this.#listener.onMapIsOld(),
    }
    return new ShardSources(terms, this.#options, listener, this.#random)
  }

  #openSource(node: MapNode, shard: { id: string; role: 'primary' | 'replica'; timeline: number }): Source {
    const source: Source = new Source(node, shard, this.#login, this.#options, {
      onQuiet: () => {
        this.#retired.delete(source)
        this.#listener.onQuiet()
      },
      onMapIsOld: () => this.#listener.onMapIsOld(),
    })
    return source
  }

  #retire(source: Source): void {
    if (source.pool.busy > 0) this.#retired.add(source)
    this.#homeless.push(...source.pool.retire())
  }
}

/** Undefined when the map does not have the shard's primary. */
function termsOf(map: SystemMap, id: string): ShardTerms | undefined {
  const shard = map.shards.find((other) => other.id === id)
  const primary = shard && nodeOf(map, shard.primary)
  if (!shard || !primary) return undefined
  const replicas = shard.replicas.flatMap((replica) => nodeOf(map, replica) ?? [])
  const { replicaLagMsMax: lagMsMax, replicaLagBytesMax: lagBytesMax } = map.topology.database
  return {
    id,
    primary,
    replicas: replicas.filter(({ state }) => state === 'ready'),
    timeline: shard.timeline,
    timelineStart: parseLsn(shard.timelineStart),
    lagMsMax,
    lagBytesMax,
  }
}
