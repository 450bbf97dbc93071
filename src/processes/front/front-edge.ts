// The edge of a front, with all that keeps it true: its store in memory and on disk, the purges that it must have heard of, the
// other fronts that own a part of the keys.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { describeError } from '../../base/errors.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import { edgeDirOf } from '../../map/home.ts'
import { nodesOf, type SystemMap } from '../../map/map.ts'
import type { Handler } from '../../net/http1/exchange.ts'
import type { EdgeReport, EdgeSettings } from '../../tiers/edge/contract.ts'
import { type OpenEdge, openEdge, storeBounds } from '../../tiers/edge/edge.ts'
import { openStore } from '../../tiers/edge/store/store.ts'
import type { ProcessContext } from '../context.ts'
import { DoorClient } from '../door/client.ts'
import { PurgeFollower } from '../purges/purge-follower.ts'
import type { LoggedPurge } from '../purges/purge-log.ts'
import { edgeSettingsOf } from './edge-settings.ts'
import { Invalidations } from './invalidations.ts'
import { KeyOwner } from './key-owner.ts'

export class FrontEdge extends Lifecycle {
  readonly #context: ProcessContext
  readonly #owner: KeyOwner
  readonly #follower: PurgeFollower
  readonly #invalidations: Invalidations
  #edge: OpenEdge | undefined
  #settings: EdgeSettings | undefined

  constructor(context: ProcessContext) {
    super()
    const { home, nodeId, log } = context
    this.#context = context
    this.#owner = new KeyOwner(nodeId)
    this.#invalidations = new Invalidations((urls) => this.#tellOthers(urls))
    this.#follower = new PurgeFollower({
      log: home.purges,
      place: join(edgeDirOf(home, nodeId), 'purged'),
      apply: (purge) => this.#opened.purge(purge),
      warn: (message) => log.warn(message),
    })
  }

  /** Before `origin`. Once. */
  handler(origin: Handler): Handler {
    return this.#opened.handler(origin)
  }

  /** Settings and the other fronts, as a newer map has them. */
  follow(map: SystemMap): void {
    this.#owner.update(map)
    const settings = edgeSettingsOf(map.topology)
    if (isDeepStrictEqual(settings, this.#settings)) return
    this.#settings = settings
    this.#edge?.update(settings)
  }

  hear(logged: LoggedPurge, options: { again: boolean }): Promise<{ objects: number }> {
    return this.#follower.hear(logged, options)
  }

  /** URLs that another front saw being changed. */
  async invalidate(urls: readonly string[]): Promise<void> {
    for (const url of urls) this.#opened.invalidate(url)
  }

  report(): EdgeReport {
    return this.#opened.report()
  }

  /** Requests that the edge might answer, and for how many of them no server was asked. */
  counts(): { asked: number; spared: number } | undefined {
    if (!this.#edge) return undefined
    const { hit, stale, revalidated, miss, coalesced, pass } = this.#edge.report().requests
    const spared = hit + stale + revalidated + coalesced
    return { spared, asked: spared + miss + pass }
  }

  protected async open(): Promise<void> {
    const { home, map, nodeId, log, secrets } = this.#context
    const settings = edgeSettingsOf(map.current.topology)
    this.#settings = settings
    const dir = edgeDirOf(home, nodeId)
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const onTrouble = (error: Error) => log.warn({ err: error }, `the edge's disk: ${describeError(error)}`)
    const directory = join(dir, 'answers')
    // Opened also when the topology has no disk tier: what an earlier setting left there is thrown out.
    const store = await openStore(storeBounds(settings), { directory, onTrouble })
    this.#owner.update(map.current)
    this.#edge = openEdge(settings, {
      store,
      node: nodeId,
      sibling: (key) => this.#owner.of(key),
      // All fronts have it, whenever they began: keys of cookies change. What they sign with is drawn from it.
      secret: Buffer.from(secrets.controlToken),
      onInvalidated: (url) => this.#invalidations.add(url),
    })
    // What was purged while this front was not there is gone before it answers anybody.
    await this.#follower.start()
    await this.#invalidations.start()
  }

  protected async close(): Promise<void> {
    await this.#invalidations.stop()
    await this.#follower.stop()
    await this.#edge?.close()
  }

  get #opened(): OpenEdge {
    if (!this.#edge) throw new Error('the edge is opened by start()')
    return this.#edge
  }

  async #tellOthers(urls: string[]): Promise<void> {
    const { home, map, nodeId } = this.#context
    const others = nodesOf(map.current, 'front').filter(({ id, state }) => id !== nodeId && state === 'ready')
    await Promise.allSettled(others.map(({ id }) => new DoorClient(home, id).invalidate(urls)))
  }
}
