// Past the router: a node's PostgreSQL asked as the app's own role, to see what a stale web server could still reach.

import { Client } from 'pg'
import type { StatusNode } from '../../../src/control/api.ts'
import { homeOf } from '../../../src/map/home.ts'
import { readSecrets } from '../../../src/map/secrets.ts'
import type { RunningSystem } from '../../running-system.ts'

const connectTimeoutMs = 500
const scansSql = `
  SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::int AS n FROM pg_stat_user_tables
   WHERE schemaname LIKE 'slot_%' AND relname IN ('set_elements', 'counters', 'lists')`

export interface Answered {
  /** How it refused, when it did. */
  refused?: string
  isInRecovery?: boolean
  tookWrite?: boolean
}

/** Whether the node answers the app, what it says it is, and whether it takes a write (one that changes no row). */
export async function askDirectly(system: RunningSystem, node: StatusNode): Promise<Answered> {
  const client = await connectAsApp(system, node).catch((error: Error) => error)
  if (client instanceof Error) return { refused: client.message }
  try {
    const { rows } = await client.query('SELECT pg_is_in_recovery() AS is')
    // A read-only server refuses an UPDATE whether or not it finds rows (25006).
    const tookWrite = await client.query('UPDATE slot_000.counters SET value = value WHERE false').then(
      () => true,
      () => false,
    )
    return { isInRecovery: rows[0].is, tookWrite }
  } catch (error) {
    return { refused: (error as Error).message }
  } finally {
    await client.end().catch(() => {})
  }
}

/** Scans of the app's tables that the node made so far: its reads. PostgreSQL counts them with a delay of about a second. */
export async function scansOn(system: RunningSystem, node: StatusNode): Promise<number> {
  const client = await connectAsApp(system, node)
  try {
    const { rows } = await client.query(scansSql)
    return rows[0].n
  } finally {
    await client.end()
  }
}

async function connectAsApp(system: RunningSystem, { address, port }: StatusNode): Promise<Client> {
  const { postgres } = await readSecrets(homeOf(system.dir))
  const login = { host: address, port, user: 'app', password: postgres.app, database: 'app' }
  const limits = { connectionTimeoutMillis: connectTimeoutMs, query_timeout: connectTimeoutMs }
  const client = new Client({ ...login, ...limits })
  client.on('error', () => {}) // it may be killed while we hold it
  await client.connect()
  return client
}
