// A source: one server that answers for a shard, with the connections to it and what is known of where it stands.

import type { MapNode } from '../../../map/map.ts'
import type { PositionReport } from '../causality/position-query.ts'
import type { Connection, ConnectionSettings } from '../connection.ts'
import { ConnectionPool, type PoolListener } from '../connection-pool.ts'
import type { RouterOptions } from '../options.ts'
import type { Expectation } from '../role-check.ts'
import type { Candidate } from './choose.ts'

/** Settings of every connection of this process, whichever server it goes to. */
export type Login = Omit<ConnectionSettings, 'address' | 'port' | 'expected'>

export class Source implements Candidate, Expectation {
  readonly node: string
  readonly shard: string
  readonly role: 'primary' | 'replica'
  readonly pool: ConnectionPool
  /** Of the shard, as the newest map names it. */
  timeline: number
  /** What it surely has; undefined while nobody knows. */
  position: bigint | undefined
  isFit = false
  /** Monotonic time of the last position that it told. */
  checkedAt = Number.NEGATIVE_INFINITY
  /** Another server is the primary by now: what this one still answers to a read may be old. */
  isDeposed = false
  /** Grows when connections are lost: the server may have started again, and have less than it told. */
  generation = 0

  constructor(
    { id, address, port }: MapNode,
    shard: { id: string; role: 'primary' | 'replica'; timeline: number },
    login: Login,
    options: RouterOptions,
    listener: Omit<PoolListener, 'onLost' | 'isAnswering'>,
  ) {
    this.node = id
    this.shard = shard.id
    this.role = shard.role
    this.timeline = shard.timeline
    this.pool = new ConnectionPool({ ...login, address, port, expected: this }, options, {
      ...listener,
      onLost: () => this.forget(),
      isAnswering: () => performance.now() - this.checkedAt < options.positionOldMs,
    })
  }

  get load(): number {
    return this.pool.busy + this.pool.waiting
  }

  leadsTo({ id, address, port }: MapNode, role: 'primary' | 'replica'): boolean {
    const { settings } = this.pool
    return this.node === id && this.role === role && settings.address === address && settings.port === port
  }

  /** Takes what the server told over one of its connections. False: it may be from before the server started again. */
  note({ floor, isInRecovery }: PositionReport, connection: Connection): boolean {
    if (connection.generation !== this.generation || isInRecovery !== (this.role === 'replica')) return false
    if (this.position === undefined || floor > this.position) this.position = floor
    this.checkedAt = performance.now()
    return true
  }

  /** Connections were lost: what they told may not hold any more. */
  forget(): void {
    this.generation++
    this.forgetPosition()
  }

  forgetPosition(): void {
    this.position = undefined
    this.isFit = false
  }
}
