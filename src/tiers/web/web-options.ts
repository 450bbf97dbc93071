// What the web tier is opened with: the app, the tiers under it, and its limits.

import type { Causality } from '../database/contract.ts'
import type { Sessions } from '../session/contract.ts'
import type { Assets } from './assets/assets.ts'
import type { App, Tiers } from './contract.ts'

export interface WebOptions<DB> {
  app: App<DB>
  /** Served under /assets/. */
  assets?: Assets
  tiers: Omit<Tiers<DB>, 'http'>
  sessions: Sessions
  /** Carries what each user has seen of the database; without it, requests run in no scope. */
  causality?: Causality
  /** Name of the node, for what is measured. */
  node: string
  bodyBytesMax: number
  /** More requests than that at once are refused with 503. */
  requestsMax: number
  /** Requests under way, as the servers count them. */
  inFlight(): number
  /** Why no request should come now, or undefined. */
  notReady(): string | undefined
}
