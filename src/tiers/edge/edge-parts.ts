// What the parts of the edge work with, and what they ask of each other.

import { type Clock, systemClock } from '../../base/clock.ts'
import type { ClientOrigin } from '../../net/http1/client-origin.ts'
import type { Exchange, Handler } from '../../net/http1/exchange.ts'
import type { RequestDirectives } from './cache-control.ts'
import type { Status } from './cache-status.ts'
import { Compressing } from './compressing.ts'
import type { EdgeRule, EdgeSettings } from './contract.ts'
import type { EdgeCounts, Outcome } from './counts.ts'
import type { Fetches } from './fetches.ts'
import { Marks } from './marks.ts'
import { Rules } from './rules.ts'
import type { Siblings } from './siblings.ts'
import type { Kept, Store } from './store/contract.ts'

export interface EdgeParts {
  readonly store: Store
  readonly counts: EdgeCounts
  readonly compressing: Compressing
  /** Likenesses of requests whose answers are not kept. */
  readonly passing: Marks
  /** Keys for which no server answered. */
  readonly failing: Marks
  /** Keys of what was changed just now. */
  readonly changed: Marks
  readonly clock: Clock
  /** Its name in Cache-Status. */
  readonly cache: string
  readonly siblings: Siblings | undefined
  /** An unsafe method changed what this key names; other fronts may keep it too. */
  readonly onInvalidated: ((key: string) => void) | undefined
  settings: EdgeSettings
  rules: Rules
}

/** A request that may be answered from here. */
export interface Asked {
  exchange: Exchange
  /** Whom servers are told that it comes from. */
  origin: ClientOrigin
  /** How often it was asked already, and waited for an answer that was not for it. */
  attempt: number
  rule: EdgeRule
  target: string
  key: string
  traits: number
  directives: RequestDirectives | undefined
}

/** How a kept answer comes to be given, for counts and Cache-Status. */
export interface Telling {
  outcome: Outcome
  status: Status
  attempt: number
  /** What caches behind this one said, with a comma. */
  before?: string
}

/** The edge before one origin, as its parts see it. */
export interface Asking {
  readonly parts: EdgeParts
  readonly origin: Handler
  readonly fetches: Fetches
  /** Once more, for one who waited in vain. */
  askAgain(exchange: Exchange, attempt: number): void
  /** The kept answer that the request selects. */
  select(key: string, exchange: Exchange): Kept | undefined
  /** As a server made it, not compressed here. */
  selectBase(key: string, exchange: Exchange): Kept | undefined
  give(exchange: Exchange, kept: Kept, telling: Telling): void
}

/** What is not made here. */
type Given = Pick<EdgeParts, 'store' | 'counts' | 'cache' | 'siblings' | 'onInvalidated'> & { clock?: Clock }

export function openParts(settings: EdgeSettings, given: Given): EdgeParts {
  const clock = given.clock ?? systemClock
  const marks = { passing: new Marks(clock), failing: new Marks(clock), changed: new Marks(clock) }
  const compressing = new Compressing(given.store)
  return { ...given, ...marks, clock, compressing, settings, rules: new Rules(settings.rules) }
}
