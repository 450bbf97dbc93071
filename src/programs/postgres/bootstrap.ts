// Roles, database and privileges of a new cluster: whatever `owner` creates, schemas too, `app` may read and write.

import { escapeIdentifier, escapeLiteral } from 'pg'
import { databaseName, type PostgresSecrets } from './contract.ts'
import { scramVerifier } from './scram.ts'

export interface SqlRunner {
  query<Row extends Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>
}

export async function bootstrapRoles(cluster: SqlRunner, secrets: PostgresSecrets): Promise<void> {
  await ensureRole(cluster, 'replicator', secrets.replicator, 'LOGIN REPLICATION')
  await ensureRole(cluster, 'owner', secrets.owner, 'LOGIN')
  await ensureRole(cluster, 'app', secrets.app, 'LOGIN')
  // Who is in the way of a migration is told with what it runs, and since when.
  await cluster.query('GRANT pg_read_all_stats TO owner')
  const [database] = await cluster.query('SELECT FROM pg_database WHERE datname = $1', [databaseName])
  if (!database) await cluster.query(`CREATE DATABASE ${databaseName} OWNER owner`)
  await cluster.query(`REVOKE ALL ON DATABASE ${databaseName}, postgres, template1 FROM PUBLIC`)
  await cluster.query(`GRANT CONNECT, TEMPORARY ON DATABASE ${databaseName} TO app`)
  await cluster.query(`GRANT CONNECT ON DATABASE ${databaseName} TO replicator`)
}

/** Runs inside the database `app`. Functions and types need no word: PUBLIC may use them. */
export async function bootstrapDatabase(database: SqlRunner): Promise<void> {
  const grants = ['USAGE ON SCHEMAS', 'SELECT, INSERT, UPDATE, DELETE ON TABLES', 'USAGE, SELECT, UPDATE ON SEQUENCES']
  for (const grant of grants) await database.query(`ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT ${grant} TO app`)
}

async function ensureRole(cluster: SqlRunner, name: string, password: string, attributes: string): Promise<void> {
  const [role] = await cluster.query('SELECT FROM pg_roles WHERE rolname = $1', [name])
  const verb = role ? 'ALTER' : 'CREATE'
  const verifier = escapeLiteral(await scramVerifier(password))
  await cluster.query(`${verb} ROLE ${escapeIdentifier(name)} WITH ${attributes} PASSWORD ${verifier}`)
}
