// The package's subpath tenfold/session-store: sessions of ours under express-session and @fastify/session, in programs that
// run as `web.command` or anywhere else.

import { slotCount, slotOfText } from './tiers/database/hash.ts'
import { schemaOfSlot } from './tiers/database/slots.ts'
import {
  openPostgresSessions as openEngine,
  type PostgresSessionOptions,
  type PostgresSessions,
} from './tiers/session/engines/postgres/engine.ts'

export type { ListedSession, SessionEngine, UserSessions } from './tiers/session/contract.ts'
export { type SessionStore, type SessionStoreOptions, sessionStoreFor } from './tiers/session/stores/session-store.ts'
export { openUserSessions } from './tiers/session/user-sessions.ts'
export type { PostgresSessionOptions, PostgresSessions }

/**
 * Sessions in the PostgreSQL that a URL names (`DATABASE_URL`). Makes the table where there is none and the role may.
 * @throws bad-input when it may not, with what to do; unavailable when nobody answers.
 */
export function openPostgresSessions(databaseUrl: string, options?: PostgresSessionOptions): Promise<PostgresSessions> {
  return openEngine(databaseUrl, { slotOf: slotOfText, slotCount, schemaOf: schemaOfSlot }, options)
}
