// A connection that speaks the replication protocol, and its short questions.
// Source: PostgreSQL manual, 54.4 Streaming Replication Protocol.

import { Client, escapeIdentifier } from 'pg'
import { withTimeout } from '../../base/limits.ts'
import { databaseName, type PostgresAddress, type PostgresSecrets } from './contract.ts'

const connectTimeoutMs = 5000
const answerTimeoutMs = 5000

export interface ServerIdentity {
  /** The cluster's own number, the same on a primary and all of its replicas, for ever. */
  systemIdentifier: string
  timeline: number
}

/**
 * A connected client for replication commands. To be ended by `destroyClient`: a polite goodbye waits for the server.
 * With `isLogical` it is inside of the database `app`, as logical slots need it.
 */
export async function connectReplication(
  { address, port }: PostgresAddress,
  secrets: PostgresSecrets,
  options: { name: string; isLogical?: boolean },
): Promise<Client> {
  const client = new Client({
    host: address,
    port,
    user: 'replicator',
    password: secrets.replicator,
    ...(options.isLogical && { database: databaseName }),
    application_name: options.name,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    // Our servers cut off who takes nothing for 20 s (settings.ts), and a reader that waits for a slow store takes nothing.
    // That the reader is alive they know by keepalives.
    options: '-c tcp_user_timeout=0',
    // @ts-expect-error The client takes it (pg/lib/connection-parameters.js); its types do not know it.
    replication: options.isLogical ? 'database' : 'true',
  })
  // Whoever waits for an answer hears of a broken connection; the event itself would end the process.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    destroyClient(client)
    throw error
  }
  return client
}

/** At once, whatever the server is doing. May be called twice. */
export function destroyClient(client: Client): void {
  client.connection.stream.destroy()
}

export async function identifySystem(client: Client): Promise<ServerIdentity> {
  const [row] = await ask<{ systemid: string; timeline: number | string }>(client, 'IDENTIFY_SYSTEM')
  if (!row) throw new Error('IDENTIFY_SYSTEM has one row')
  return { systemIdentifier: row.systemid, timeline: Number(row.timeline) }
}

/** The text of a timeline's history file. The first timeline has none. */
export async function readTimelineHistory(client: Client, timeline: number): Promise<string> {
  const [row] = await ask<{ content: string | Buffer }>(client, `TIMELINE_HISTORY ${timeline}`)
  if (!row) throw new Error('TIMELINE_HISTORY has one row')
  return typeof row.content === 'string' ? row.content : row.content.toString('utf8')
}

/** A slot that keeps the log from now on. May be called again. */
export async function reserveSlot(client: Client, slot: string): Promise<void> {
  try {
    await ask(client, `CREATE_REPLICATION_SLOT ${escapeIdentifier(slot)} PHYSICAL (RESERVE_WAL true)`)
  } catch (error) {
    const isThereAlready = '42710'
    if ((error as { code?: string }).code !== isThereAlready) throw error
  }
}

export async function ask<Row extends object>(
  client: Client,
  command: string,
  timeoutMs = answerTimeoutMs,
): Promise<Row[]> {
  const answer = client.query<Row>(command)
  return (await withTimeout(answer, timeoutMs, `the answer to ${command.split(' ')[0]}`)).rows
}
