// What the connections of one server have in common.

import type { ServedConnection } from '../server/served-connection.ts'
import type { ClientOrigin } from './client-origin.ts'
import type { Counters } from './counters.ts'
import type { Handler } from './exchange.ts'
import type { ServerLimits } from './limits.ts'
import type { TimerWheel } from './timer-wheel.ts'

export interface ConnectionContext {
  readonly handler: Handler
  readonly limits: ServerLimits
  readonly wheel: TimerWheel
  readonly counts: Counters
  /** Answers end their connections. */
  readonly isDraining: boolean
  /** The connection is closed. */
  forget(connection: ServedConnection & { readonly origin: ClientOrigin }): void
}
