// One connection to each shard's primary that hears its NOTIFYs. It follows the map, and comes back when it breaks.

import pg from 'pg'
import type { SystemMap } from '../../../../map/map.ts'
import type { MapSubscription } from '../../../../map/subscription.ts'
import { listenStatement } from './statements.ts'

const againMs = 500
const connectMs = 3000
/** In the place of names: any queue. */
export const anyQueue = '*'

export interface ListenPlace {
  map: Pick<MapSubscription, 'current' | 'onChange'>
  /** Of role `app`. */
  password: string
  /** This process's id in the map. */
  node: string
}

export class Listener {
  readonly #place: ListenPlace
  readonly #hear: (payload: string) => void
  readonly #ears = new Map<string, Ear>()
  #unsubscribe: (() => void) | undefined

  constructor(place: ListenPlace, hear: (payload: string) => void) {
    this.#place = place
    this.#hear = hear
  }

  /** May be called twice, and after stop. */
  start(): void {
    if (this.#unsubscribe) return
    this.#unsubscribe = this.#place.map.onChange((map) => this.#follow(map))
    this.#follow(this.#place.map.current)
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    const ears = [...this.#ears.values()]
    this.#ears.clear()
    await Promise.all(ears.map((ear) => ear.close()))
  }

  #follow({ shards, nodes }: SystemMap): void {
    const wanted = new Map<string, { address: string; port: number }>()
    for (const shard of shards) {
      const node = nodes.find(({ id }) => id === shard.primary)
      if (node) wanted.set(`${shard.id} ${node.address}:${node.port}`, node)
    }
    for (const [name, ear] of this.#ears) {
      if (wanted.has(name)) continue
      this.#ears.delete(name)
      void ear.close()
    }
    for (const [name, { address, port }] of wanted)
      if (!this.#ears.has(name)) this.#ears.set(name, new Ear(address, port, this.#place, this.#hear))
  }
}

class Ear {
  readonly #open: () => pg.Client
  readonly #hearAny: () => void
  #client: pg.Client | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(address: string, port: number, { password, node }: ListenPlace, hear: (payload: string) => void) {
    this.#hearAny = () => hear(`nobody ${anyQueue}`)
    this.#open = () => {
      const client = new pg.Client({
        host: address,
        port,
        user: 'app',
        password,
        database: 'app',
        application_name: `${node} listens`,
        connectionTimeoutMillis: connectMs,
        keepAlive: true,
      })
      client.on('notification', ({ payload = '' }) => hear(payload))
      client.on('error', () => {}) // `end` follows
      client.on('end', () => this.#again(client))
      return client
    }
    void this.#connect()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#client?.end().catch(() => {})
  }

  async #connect(): Promise<void> {
    const client = this.#open()
    this.#client = client
    try {
      await client.connect()
      await client.query(listenStatement)
      this.#hearAny() // whatever was said before
    } catch {
      void client.end().catch(() => {})
      this.#again(client)
    }
  }

  #again(client: pg.Client): void {
    if (this.#isClosed || this.#client !== client) return
    this.#client = undefined
    this.#timer = setTimeout(() => void this.#connect(), againMs)
    this.#timer.unref()
  }
}
