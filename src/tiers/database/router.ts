// The router: inside every process, between the app and the primaries. It sends each statement to the shard that owns
// its slot, follows the primary when the map says that it moved, and holds everything back while it moves.

import { backoffMs } from '../../base/backoff.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import { isTenfoldError, TenfoldError } from '../../base/errors.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import { waitUntil } from '../../base/limits.ts'
import { type Random, systemRandom } from '../../base/random.ts'
import { nodeOf, type SystemMap } from '../../map/map.ts'
import type { MapSubscription } from '../../map/subscription.ts'
import { Call, type CallRouter, type Place } from './call.ts'
import { ConnectionPool } from './connection-pool.ts'
import type { TransactionOptions } from './contract.ts'
import { Hold, type HoldAnswer, type HoldTerms } from './hold.ts'
import { type RouterOptions, routerDefaults } from './options.ts'
import { type Catalog, catalogOf, catalogQuery, emptyCatalog } from './slots.ts'
import type { Statement } from './statement.ts'
import { runTransaction, type TransactionSession } from './transaction.ts'

export interface RouterDependencies {
  map: Pick<MapSubscription, 'current' | 'refresh' | 'onChange'>
  secrets: { app: string }
  /** This process's id in the map, for PostgreSQL's application_name and for channels. */
  node: string
  clock?: Clock
  random?: Random
}

interface Route {
  shard: string
  primary: string
  pool: ConnectionPool
}

export class DatabaseRouter extends Lifecycle implements CallRouter {
  readonly node: string
  readonly options: RouterOptions
  readonly #map: RouterDependencies['map']
  readonly #password: string
  readonly #clock: Clock
  readonly #random: Random
  readonly #hold: Hold
  #catalog: Catalog = emptyCatalog
  #catalogListeners = new Set<(catalog: Catalog) => void>()
  #routes = new Map<string, Route>()
  /** Which shard owns each slot. */
  #routeBySlot: Array<Route | undefined> = []
  /** Pools of former primaries that still have something under way. */
  #retired = new Set<ConnectionPool>()
  #unsubscribe: (() => void) | undefined
  #isAccepting = false

  constructor(dependencies: RouterDependencies, options: Partial<RouterOptions> = {}) {
    super()
    this.node = dependencies.node
    this.options = { ...routerDefaults, ...options }
    this.#map = dependencies.map
    this.#password = dependencies.secrets.app
    this.#clock = dependencies.clock ?? systemClock
    this.#random = dependencies.random ?? systemRandom
    this.#hold = new Hold({
      pause: () => this.#pools().forEach((pool) => void pool.pause()),
      resume: () => this.#pools().forEach((pool) => void pool.resume()),
      inFlight: () => this.inFlight,
      waiting: () => this.waiting,
    })
  }

  /** Statements and transactions under way. */
  get inFlight(): number {
    let sum = 0
    for (const { pool } of this.#routes.values()) sum += pool.busy
    for (const pool of this.#retired) sum += pool.busy
    return sum
  }

  /** Statements and transactions in line for a connection or for the end of a hold. */
  get waiting(): number {
    let sum = 0
    for (const { pool } of this.#routes.values()) sum += pool.waiting
    return sum
  }

  get catalog(): Catalog {
    return this.#catalog
  }

  /** Runs one statement by itself; it commits when it is done. */
  query(place: Place, text: string, values: readonly unknown[] = []): Promise<Statement> {
    return new Promise((resolve, reject) => new Call(this, place, text, values, resolve, reject).begin())
  }

  transaction<T>(
    place: Place,
    work: (session: TransactionSession) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    const { statementMs, commitMs } = this.options
    return runTransaction(this, place, work, { ...options, statementMs, commitMs })
  }

  /** Holds back what is new and waits for what is in flight; see hold.ts. May be called again, which renews the lease. */
  hold(terms: HoldTerms): Promise<HoldAnswer> {
    return this.#hold.begin({ ...terms, leaseMs: Math.min(terms.leaseMs, this.holdMsMax) })
  }

  /** Ends a hold. May be called twice, or without one. */
  release(): void {
    this.#hold.end()
  }

  /** Follows a newer map: a shard whose primary changed gets a new pool at once, and its line moves there. */
  applyMap(map: SystemMap): void {
    const before = this.#routes
    this.#routes = new Map()
    const lines = []
    for (const shard of map.shards) {
      const node = nodeOf(map, shard.primary)
      const old = before.get(shard.id)
      if (!node) {
        if (old) this.#routes.set(shard.id, old)
        continue
      }
      const { settings } = old?.pool ?? {}
      const isSame = old?.primary === node.id && settings?.address === node.address && settings.port === node.port
      if (old && isSame) {
        this.#routes.set(shard.id, old)
        continue
      }
      const pool = this.#openPool(node.address, node.port)
      this.#routes.set(shard.id, { shard: shard.id, primary: node.id, pool })
      if (old) lines.push({ pool, waiters: this.#retire(old.pool) })
    }
    this.#routeBySlot = []
    for (const shard of map.shards) for (const slot of shard.slots) this.#routeBySlot[slot] = this.#routes.get(shard.id)
    for (const { pool, waiters } of lines) for (const waiter of waiters) pool.acquire(waiter)
    if (lines.length > 0) this.#hold.end()
  }

  /** Shards of the map that the router knows a primary of, in the map's order. */
  get shards(): readonly string[] {
    return [...this.#routes.keys()]
  }

  /** Slots that a shard owns, ascending. */
  slotsOf(shard: string): readonly number[] {
    return this.#map.current.shards.find(({ id }) => id === shard)?.slots ?? []
  }

  // The seam for reads on replicas: here a place becomes a pool, and a read could get another one than a write.
  poolOf(place: Place): ConnectionPool {
    if (!this.#isAccepting) throw new TenfoldError('closed', 'the database router is not running')
    const route = typeof place === 'number' ? this.#routeBySlot[place] : this.#routes.get(place)
    if (route) return route.pool
    const what = typeof place === 'number' ? `slot ${place}` : `shard ${place}`
    throw new TenfoldError('unavailable', `the map (version ${this.#map.current.version}) names no primary for ${what}`)
  }

  readonly isSharded = (table: string): boolean => this.#catalog.sharded.has(table)

  async beforeNextAttempt(since: number, attempt: number, cause: Error): Promise<void> {
    const waitedMs = performance.now() - since
    if (!this.#isAccepting) throw new TenfoldError('closed', 'the database router was stopped', { cause })
    if (waitedMs >= this.holdMsMax)
      throw new TenfoldError('unavailable', `no primary took the statement within ${this.holdMsMax} ms`, { cause })
    await this.#map.refresh().catch(() => {}) // the old map then has to do
    await this.#clock.sleep(backoffMs(attempt, this.options.backoff, this.#random))
  }

  get holdMsMax(): number {
    return this.options.holdMsMax ?? this.#map.current.topology.database.holdMsMax
  }

  /** Learns which tables are sharded. Again after a migration that ran while the router did. */
  async readCatalog(): Promise<Catalog> {
    const [shard] = this.shards
    if (shard === undefined) throw new TenfoldError('unavailable', 'the map names no shard with a primary')
    const { rows } = await this.query(shard, catalogQuery)
    this.#catalog = catalogOf(rows as Array<{ name: string; type: string }>)
    for (const listener of this.#catalogListeners) listener(this.#catalog)
    return this.#catalog
  }

  onCatalog(listener: (catalog: Catalog) => void): void {
    this.#catalogListeners.add(listener)
    listener(this.#catalog)
  }

  protected async open(): Promise<void> {
    this.applyMap(this.#map.current)
    this.#unsubscribe = this.#map.onChange((map) => this.applyMap(map))
    this.#isAccepting = true
    try {
      await this.readCatalog()
    } catch (error) {
      await this.close()
      throw error
    }
  }

  protected async close(): Promise<void> {
    this.#isAccepting = false
    this.#unsubscribe?.()
    this.#hold.end()
    const { closeMs } = this.options
    try {
      await waitUntil(() => this.inFlight + this.waiting === 0, {
        what: 'the end of what is in flight',
        timeoutMs: closeMs,
      })
    } catch (error) {
      if (!isTenfoldError(error, 'timeout')) throw error
    }
    const reason = new TenfoldError('closed', `the database router was stopped and waited ${closeMs} ms`)
    for (const pool of this.#pools()) pool.destroy(reason)
    this.#routes.clear()
    this.#retired.clear()
    this.#routeBySlot = []
  }

  #openPool(address: string, port: number): ConnectionPool {
    const { connectMs, statementMs, idleInTransactionMs, preparedMax } = this.options
    const pool = new ConnectionPool(
      {
        address,
        port,
        user: 'app',
        password: this.#password,
        database: 'app',
        applicationName: this.node,
        connectMs,
        statementMs,
        idleInTransactionMs,
        preparedMax,
      },
      this.options,
      () => this.#noteQuiet(pool),
    )
    return pool
  }

  #retire(pool: ConnectionPool) {
    this.#retired.add(pool)
    const waiters = pool.retire()
    if (pool.busy === 0) this.#retired.delete(pool)
    return waiters
  }

  #noteQuiet(pool: ConnectionPool): void {
    this.#retired.delete(pool)
    this.#hold.noteQuiet()
  }

  #pools(): ConnectionPool[] {
    return [...Array.from(this.#routes.values(), ({ pool }) => pool), ...this.#retired]
  }
}
