// A database to migrate, for tests: a directory of files, a real server, an empty database for each test.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bootstrapDatabase } from '../../../programs/postgres/bootstrap.ts'
import { startTestPostgres, type TestPostgres } from '../../../programs/postgres/testing.ts'
import { checkMigrations, type MigrateOptions, migrate } from './migrate.ts'
import { OwnerConnection } from './owner-connection.ts'

export interface MigrationBench {
  server: TestPostgres
  /** As owner, beside the migrations. */
  owner: OwnerConnection
  dir: string
  /** What the last run said on its way. */
  said: string[]
  reset(): Promise<void>
  write(name: string, sql: string): Promise<void>
  migrate(options?: Partial<MigrateOptions>): Promise<{ applied: string[] }>
  check(): ReturnType<typeof checkMigrations>
  /** A table that is not small: about 14 MB. */
  makeBig(name: string): Promise<void>
  rows<Row extends Record<string, unknown>>(sql: string): Promise<Row[]>
  stop(): Promise<void>
}

export async function startMigrationBench(): Promise<MigrationBench> {
  const server = await startTestPostgres()
  const { address, port, secrets } = server
  const connection = { address, port, password: secrets.owner }
  const root = await mkdtemp(join(tmpdir(), 'tenfold-migrations-'))
  let count = 0
  const bench: MigrationBench = {
    server,
    owner: await OwnerConnection.open(connection, 'test'),
    dir: root,
    said: [],
    async reset() {
      await bench.owner.close()
      await server.admin.query('DROP DATABASE app WITH (FORCE)')
      await server.admin.query('CREATE DATABASE app OWNER owner')
      bench.owner = await OwnerConnection.open(connection, 'test')
      await bootstrapDatabase({ query: (sql) => bench.owner.query(sql) })
      bench.dir = await mkdtemp(join(root, `${++count}-`))
      bench.said = []
    },
    write: (name, sql) => writeFile(join(bench.dir, name), sql),
    migrate: (options = {}) =>
      migrate({
        connection,
        sources: [{ name: 'app', dir: bench.dir }],
        onProgress: (message) => bench.said.push(message),
        ...options,
      }),
    check: () => checkMigrations({ connection, sources: [{ name: 'app', dir: bench.dir }] }),
    async makeBig(name) {
      await bench.owner.query(
        `CREATE TABLE ${name} (id int PRIMARY KEY, n int, name varchar(20), body text);
         INSERT INTO ${name} SELECT i, i, 'name ' || i, repeat('x', 600) FROM generate_series(1, 20000) AS i;
         ANALYZE ${name}`,
      )
    },
    rows: (sql) => bench.owner.query(sql),
    async stop() {
      await bench.owner.close()
      await server.stop()
      await rm(root, { recursive: true, force: true })
    },
  }
  return bench
}
