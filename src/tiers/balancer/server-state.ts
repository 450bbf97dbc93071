// What a balancer knows of one server. Mutable, and carried from one snapshot to the next as long as the server
// keeps its id and its address.

import type { Upstream } from './contract.ts'

export interface ServerState {
  upstream: Upstream
  isUp: boolean
  /** Why it is down. */
  reason: string | undefined
  inFlight: number
  /** Health checks in a row that said the opposite of `isUp`. */
  contrary: number
  /** Grows with each passive ejection: a check that began before one says nothing about after it. */
  ejections: number
  wasChecked: boolean
}

/** A server that is new starts as up: the map named it ready, and one failed connection takes it out. */
export function newServerState(upstream: Upstream): ServerState {
  return { upstream, isUp: true, reason: undefined, inFlight: 0, contrary: 0, ejections: 0, wasChecked: false }
}

export function isSamePlace(one: Upstream, other: Upstream): boolean {
  return one.id === other.id && one.address === other.address && one.port === other.port
}
