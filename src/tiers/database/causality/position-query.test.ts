// The position rides with the statement: one write to the socket, one flight, whatever becomes of the statement.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { PostgresConnection } from '../../../programs/postgres/connection.ts'
import { parseLsn } from '../../../programs/postgres/lsn.ts'
import { startTestReplica, type TestPostgres } from '../../../programs/postgres/testing.ts'
import { Connection } from '../connection.ts'
import { routerDefaults } from '../options.ts'
import type { Statement } from '../statement.ts'
import { startTestDatabase, type TestDatabase } from '../testing.ts'
import { type PositionReport, positionOf } from './position-query.ts'

describe('the question for a position', () => {
  let database: TestDatabase
  let replica: TestPostgres
  let proxy: Server
  /** Pieces that the connection wrote since the last look. */
  let writes: Buffer[] = []
  const sockets = new Set<Socket>()

  before(async () => {
    database = await startTestDatabase({
      sql: `CREATE TABLE notes (id int PRIMARY KEY, other int REFERENCES notes DEFERRABLE INITIALLY DEFERRED)`,
    })
    replica = await startTestReplica(database.server, { slot: 'replica' })
    const { address: host, port } = database.server
    proxy = createServer((client) => {
      const server = connect({ host, port })
      for (const socket of [client, server]) {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.setNoDelay(true)
      }
      client.on('data', (bytes: Buffer) => {
        writes.push(bytes)
        server.write(bytes)
      })
      server.pipe(client)
      client.on('close', () => server.destroy())
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
  })
  after(async () => {
    for (const socket of sockets) socket.destroy()
    proxy?.close()
    await database?.stop()
    await replica?.stop()
  })

  async function open(): Promise<Connection & AsyncDisposable> {
    const { connectMs, statementMs, idleInTransactionMs, preparedMax } = routerDefaults
    const connection = new Connection(
      {
        address: '127.0.0.1',
        port: (proxy.address() as AddressInfo).port,
        user: 'app',
        password: database.server.secrets.app,
        database: 'app',
        applicationName: 'test',
        expected: { role: 'primary', timeline: 1, generation: 0 },
        ...{ connectMs, statementMs, idleInTransactionMs, preparedMax },
      },
      1000,
      () => {},
    )
    await connection.connect()
    writes = []
    return Object.assign(connection, { [Symbol.asyncDispose]: async () => connection.end() })
  }

  /** Sends one statement with the question behind it; answers what came, and in how many pieces it went out. */
  const ask = (connection: Connection, text: string, values: unknown[] = []) =>
    new Promise<{ position: PositionReport | undefined; error: Error | undefined; pieces: number }>((resolve) => {
      writes = []
      const settled = ({ position }: Statement, error: Error | undefined) =>
        resolve({ position, error, pieces: writes.length })
      connection.send(text, values, { settled }, true)
    })
  const flushed = async () =>
    parseLsn(
      (await database.server.admin.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn'))[0]?.lsn ??
        '',
    )

  test('goes out in one piece with its statement, parsed or prepared, and is answered after the commit', async () => {
    await using connection = await open()
    for (let id = 0; id < 5; id++) {
      const before = await flushed()
      const { position, error, pieces } = await ask(connection, 'INSERT INTO notes VALUES ($1)', [id])
      assert.deepEqual([error, pieces, position?.isInRecovery], [undefined, 1, false])
      assert.ok(position && position.floor > before && position.floor <= (await flushed()), 'before its commit')
      assert.equal(position?.ceiling, position?.floor)
    }
  })

  test('is answered whatever became of the statement, and the next ones are not mixed up with it', async () => {
    await using connection = await open()
    const texts = ['SELECT 1/0', 'SELECT * FROM nowhere', 'INSERT INTO notes VALUES (0)', 'not SQL']
    for (const text of [...texts, ...texts]) {
      const { position, error, pieces } = await ask(connection, text)
      assert.ok(position && error, text)
      assert.equal(pieces, 1)
      const next = await ask(connection, 'SELECT 7 AS x')
      assert.ok(next.position && !next.error)
    }
    // Takes the prepared question with it: once it is not answered, and then it is again.
    assert.equal((await ask(connection, 'DISCARD ALL')).position, undefined)
    assert.ok((await ask(connection, 'SELECT 8 AS x')).position)
  })

  test('ends with the connection, as its statement does', async () => {
    await using connection = await open()
    const asked = ask(connection, 'SELECT pg_terminate_backend(pg_backend_pid())')
    assert.deepEqual(await asked.then(({ position, error }) => [position, error !== undefined]), [undefined, true])
  })

  test('of a transaction comes behind its COMMIT, which it cannot undo', async () => {
    const { causality } = database.db
    await database.setReplicas([replica])
    await database.map.refresh()
    const commit = async (work: string) => {
      const scope = causality.open('s1.1.1')
      const error = await causality
        .run(scope, () => database.router.transaction(0, (session) => session.query(work, [])))
        .then(
          () => undefined,
          (thrown) => (thrown as { code: string }).code,
        )
      return { error, token: scope.token }
    }
    const before = await flushed()
    const done = await commit('INSERT INTO notes VALUES (10)')
    assert.ok(BigInt(`0x${done.token?.split('.')[2]}`) > before)
    const refused = await commit('INSERT INTO notes VALUES (11, 99)')
    assert.deepEqual(refused, { error: '23503', token: 's1.1.1' }, 'refused by COMMIT itself')
    const { address, port, secrets } = database.server
    await using inside = await PostgresConnection.connect({ address, port, secrets, database: 'app' })
    await inside.query('REVOKE EXECUTE ON FUNCTION pg_current_wal_flush_lsn() FROM PUBLIC')
    try {
      assert.deepEqual(await commit('INSERT INTO notes VALUES (12)'), { error: undefined, token: 'unknown' })
    } finally {
      await inside.query('GRANT EXECUTE ON FUNCTION pg_current_wal_flush_lsn() TO PUBLIC')
    }
    const { rows } = await database.router.query(0, 'SELECT id FROM notes WHERE id >= 10 ORDER BY id')
    assert.deepEqual(
      rows.map(({ id }) => id),
      [10, 12],
    )
  })
})

test('a replica’s snapshot may be one record ahead of what it says it has replayed', () => {
  assert.deepEqual(positionOf(true, '0/10', '0/10'), { isInRecovery: true, floor: 16n, ceiling: 16n })
  assert.deepEqual(positionOf(true, '0/10', '0/20'), { isInRecovery: true, floor: 16n, ceiling: 17n })
  assert.deepEqual(positionOf(true, '0/10', null), { isInRecovery: true, floor: 16n, ceiling: 17n })
  assert.deepEqual(positionOf(false, '0/10', null), { isInRecovery: false, floor: 16n, ceiling: 16n })
  assert.equal(positionOf(true, null, null), undefined)
})
