// The router: inside every process, between the app and the servers. It sends each statement to the shard that owns its
// slot, reads to replicas where that is safe, follows the primary when the map says that it moved, and holds back what
// needs a primary while it moves.

import { backoffMs } from '../../base/backoff.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import { isTenfoldError, TenfoldError } from '../../base/errors.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import { waitUntil } from '../../base/limits.ts'
import { type Random, systemRandom } from '../../base/random.ts'
import type { SystemMap } from '../../map/map.ts'
import type { MapSubscription } from '../../map/subscription.ts'
import { Call, type CallRouter, type Place } from './call.ts'
import { currentScope } from './causality/causality.ts'
import type { TransactionOptions } from './contract.ts'
import { Hold, type HoldAnswer, type HoldTerms } from './hold.ts'
import { type RouterOptions, routerDefaults } from './options.ts'
import { ReadTexts } from './read-texts.ts'
import { Routes } from './routes.ts'
import { type Catalog, catalogOf, catalogQuery, emptyCatalog } from './slots.ts'
import type { ShardSources } from './sources/shard-sources.ts'
import type { Statement } from './statement.ts'
import { noTerms, type Terms } from './terms.ts'
import { runTransaction } from './transaction.ts'
import type { TransactionSession } from './transaction-session.ts'

export interface RouterDependencies {
  map: Pick<MapSubscription, 'current' | 'refresh' | 'onChange'>
  secrets: { app: string }
  /** This process's id in the map, for PostgreSQL's application_name and for channels. */
  node: string
  clock?: Clock
  random?: Random
}

export class DatabaseRouter extends Lifecycle implements CallRouter {
  readonly node: string
  readonly options: RouterOptions
  readonly texts = new ReadTexts()
  readonly #map: RouterDependencies['map']
  readonly #clock: Clock
  readonly #random: Random
  readonly #hold: Hold
  #catalog: Catalog = emptyCatalog
  #catalogListeners = new Set<(catalog: Catalog) => void>()
  readonly #routes: Routes
  #refreshedAt = Number.NEGATIVE_INFINITY
  #unsubscribe: (() => void) | undefined
  #isAccepting = false

  constructor(dependencies: RouterDependencies, options: Partial<RouterOptions> = {}) {
    super()
    this.node = dependencies.node
    this.options = { ...routerDefaults, ...options }
    this.#map = dependencies.map
    this.#clock = dependencies.clock ?? systemClock
    this.#random = dependencies.random ?? systemRandom
    this.#routes = this.#openRoutes(dependencies.secrets.app)
    const primaries = (count: (pool: { busy: number; waiting: number }) => number) =>
      this.#routes.primaries.reduce((sum, pool) => sum + count(pool), 0)
    this.#hold = new Hold({
      pause: () => this.#routes.primaries.forEach((pool) => void pool.pause()),
      resume: () => this.#routes.primaries.forEach((pool) => void pool.resume()),
      inFlight: () => primaries(({ busy }) => busy),
      waiting: () => primaries(({ waiting }) => waiting),
    })
  }

  /** Statements and transactions under way, at former sources too. */
  get inFlight(): number {
    return this.#routes.sources.reduce((sum, { pool }) => sum + pool.busy, 0)
  }

  /** Statements and transactions in line for a connection or for the end of a hold. */
  get waiting(): number {
    return this.#routes.sources.reduce((sum, { pool }) => sum + pool.waiting, 0)
  }

  get catalog(): Catalog {
    return this.#catalog
  }

  /** Runs one statement by itself; it commits when it is done. */
  query(place: Place, text: string, values: readonly unknown[] = [], terms: Terms = noTerms): Promise<Statement> {
    const request = { place, text, values, terms, scope: currentScope() }
    return new Promise((resolve, reject) => new Call(this, request, resolve, reject).begin())
  }

  transaction<T>(
    place: Place,
    work: (session: TransactionSession) => Promise<T>,
    options: TransactionOptions & Terms = {},
  ): Promise<T> {
    const { statementMs, commitMs } = this.options
    return runTransaction(this, place, work, { ...options, statementMs, commitMs }, currentScope())
  }

  /** Holds back what is new and waits for what is in flight; see hold.ts. May be called again, which renews the lease. */
  hold(terms: HoldTerms): Promise<HoldAnswer> {
    return this.#hold.begin({ ...terms, leaseMs: Math.min(terms.leaseMs, this.holdMsMax) })
  }

  /** Ends a hold. May be called twice, or without one. */
  release(): void {
    this.#hold.end()
  }

  /** Follows a newer map (routes.ts). A primary that moved ends the hold that was made for it. */
  applyMap(map: SystemMap): void {
    if (this.#routes.apply(map)) this.#hold.end()
  }

  /** Shards of the map that the router knows a primary of, in the map's order. */
  get shards(): readonly string[] {
    return this.#routes.shards
  }

  /** Slots that a shard owns, ascending. */
  slotsOf(shard: string): readonly number[] {
    return this.#map.current.shards.find(({ id }) => id === shard)?.slots ?? []
  }

  shardOf(place: Place): ShardSources {
    if (!this.#isAccepting) throw new TenfoldError('closed', 'the database router is not running')
    const shard = this.#routes.shardOf(place)
    if (shard) return shard
    const what = typeof place === 'number' ? `slot ${place}` : `shard ${place}`
    throw new TenfoldError('unavailable', `the map (version ${this.#map.current.version}) names no primary for ${what}`)
  }

  /** As far as the text tells, and replicas have told of it. */
  isRead(text: string): boolean {
    return this.texts.isRead(text)
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
    for (const { pool } of this.#routes.sources) pool.destroy(reason)
    this.#routes.clear()
  }

  #openRoutes(password: string): Routes {
    const { connectMs, statementMs, idleInTransactionMs, preparedMax } = this.options
    const limits = { connectMs, statementMs, idleInTransactionMs, preparedMax }
    const login = { user: 'app', password, database: 'app', applicationName: this.node, ...limits }
    const listener = { onQuiet: () => this.#hold.noteQuiet(), onMapIsOld: () => this.#refreshSoon() }
    return new Routes(login, this.options, listener, this.#random)
  }

  /** A server or a token says that there is a newer map. A token comes from outside: it may not make us read at will. */
  #refreshSoon(): void {
    const now = performance.now()
    if (now - this.#refreshedAt < this.options.refreshMs) return
    this.#refreshedAt = now
    void this.#map.refresh().catch(() => {}) // the old map then has to do
  }
}
