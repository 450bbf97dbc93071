// The position rides with the statement: one write to the socket, one flight, whatever becomes of the statement.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { waitUntil } from '../../../base/limits.ts'
import { PostgresConnection } from '../../../programs/postgres/connection.ts'
import { parseLsn } from '../../../programs/postgres/lsn.ts'
import { startTestReplica, type TestPostgres } from '../../../programs/postgres/testing.ts'
import { Connection } from '../connection.ts'
import type { FollowUp } from '../contract.ts'
import { sqlStateOf } from '../fences.ts'
import { routerDefaults } from '../options.ts'
import type { Row, Statement } from '../statement.ts'
import { startTestDatabase, type TestDatabase } from '../testing.ts'
import type { TransactionSession } from '../transaction-session.ts'
import { type PositionReport, positionOf } from './position-query.ts'

describe('the question for a position', () => {
  let database: TestDatabase
  let replica: TestPostgres
  const proxies: Server[] = []
  /** Pieces that the connection wrote since the last look. */
  let writes: Buffer[] = []
  const sockets = new Set<Socket>()

  async function startProxy({ address: host, port }: TestPostgres): Promise<number> {
    const proxy = createServer((client) => {
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
    proxies.push(proxy)
    await once(proxy, 'listening')
    return (proxy.address() as AddressInfo).port
  }
  const ports = { primary: 0, replica: 0 }

  before(async () => {
    database = await startTestDatabase({
      sql: `CREATE TABLE notes (id int PRIMARY KEY, other int REFERENCES notes DEFERRABLE INITIALLY DEFERRED)`,
    })
    replica = await startTestReplica(database.server, { slot: 'replica' })
    ports.primary = await startProxy(database.server)
    ports.replica = await startProxy(replica)
  })
  after(async () => {
    for (const socket of sockets) socket.destroy()
    for (const proxy of proxies) proxy.close()
    await database?.stop()
    await replica?.stop()
  })

  async function open(role: 'primary' | 'replica' = 'primary'): Promise<Connection & AsyncDisposable> {
    const { connectMs, statementMs, idleInTransactionMs, preparedMax } = routerDefaults
    const connection = new Connection(
      {
        address: '127.0.0.1',
        port: ports[role],
        user: 'app',
        password: database.server.secrets.app,
        database: 'app',
        applicationName: 'test',
        expected: { role, timeline: 1, generation: 0 },
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
  const ask = (connection: Connection, text: string, values: unknown[] = [], followUp?: FollowUp) =>
    new Promise<Asked>((resolve) => {
      writes = []
      const settled = ({ position, rows }: Statement, error: Error | undefined) =>
        resolve({ position, rows, error, pieces: writes.length, messages: messagesOf(Buffer.concat(writes)) })
      connection.send(text, values, { settled }, { asksPosition: true, followUp })
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

  test('is answered before what follows its statement, in the same piece', async () => {
    await using connection = await open()
    for (const text of ['SELECT 7 AS x', 'SELECT 1/0', 'SELECT 7 AS x']) {
      const { position, pieces } = await ask(connection, text, [], { text: 'SELECT 8 AS x', values: [] })
      assert.ok(position, text)
      assert.equal(pieces, 1)
      assert.deepEqual((await ask(connection, 'SELECT 9 AS x')).rows, [{ x: 9 }])
    }
  })

  test('ends with the connection, as its statement does', async () => {
    await using connection = await open()
    const asked = ask(connection, 'SELECT pg_terminate_backend(pg_backend_pid())')
    assert.deepEqual(await asked.then(({ position, error }) => [position, error !== undefined]), [undefined, true])
  })

  test('goes before the Sync of a prepared statement on a replica only: on a primary the commit happens there', async () => {
    const prepared: Record<string, string> = {}
    for (const role of ['primary', 'replica'] as const) {
      await using connection = await open(role)
      const first = await ask(connection, 'SELECT 7 AS x')
      assert.equal(first.messages, 'PBDES PBES', role)
      assert.equal((await ask(connection, 'SELECT 8 AS x')).messages, 'PBDES BES', role)
      const { rows, position, pieces, messages } = await ask(connection, 'SELECT 7 AS x')
      assert.deepEqual([rows, pieces, position?.isInRecovery], [[{ x: 7 }], 1, role === 'replica'])
      assert.ok(position && first.position && position.floor >= first.position.floor)
      prepared[role] = messages
    }
    assert.deepEqual(prepared, { primary: 'BES BES', replica: 'BEBES' })
  })

  test('before the Sync: is not answered when the statement fails, and the next ones are not mixed up with it', async () => {
    await using connection = await open('replica')
    const text = 'SELECT 6 / $1::int AS x'
    await ask(connection, text, [1])
    for (let i = 0; i < 3; i++) {
      const failed = await ask(connection, text, [0])
      assert.deepEqual([failed.error && sqlStateOf(failed.error), failed.position], ['22012', undefined])
      const next = await ask(connection, text, [2])
      assert.deepEqual([next.rows, next.error, next.position?.isInRecovery], [[{ x: 3 }], undefined, true])
      assert.equal(next.messages, 'BEBES')
    }
  })

  test('before the Sync: its own error is the statement’s, and the primary answers the read', async () => {
    await using connection = await open('replica')
    for (let i = 0; i < 2; i++) await ask(connection, 'SELECT 7 AS x')
    const forget = 'DEALLOCATE tenfold_position'
    await new Promise<void>((resolve) => connection.sendControl(forget, { settled: () => resolve() }, 1000))
    const failed = await ask(connection, 'SELECT 7 AS x')
    assert.deepEqual([failed.messages, failed.error && sqlStateOf(failed.error)], ['BEBES', '26000'])

    await database.setReplicas([replica])
    await database.map.refresh()
    const router = await database.openRouter({ poolMax: 1 })
    const { causality } = database.db
    const scope = causality.open('unknown')
    const portOf = async () => {
      const { rows } = await causality.run(scope, () => router.query(0, 'SELECT inet_server_port() AS port'))
      return rows[0]?.['port']
    }
    const isReplicas = async () => (await portOf()) === replica.port
    const options = { what: 'a read of the replica', timeoutMs: 10_000 }
    await waitUntil(isReplicas, options)
    await waitUntil(isReplicas, options) // prepared by now
    const forgetQuestion = (session: TransactionSession) => session.query(forget, [])
    await router.transaction(0, forgetQuestion, { from: 'replica', readOnly: true })
    assert.equal(await portOf(), database.server.port)
    await waitUntil(isReplicas, options)
  })

  test('before the Sync: is answered after the read’s snapshot was taken', async () => {
    await using connection = await open('replica')
    const { address, port, secrets } = replica
    await using gate = await PostgresConnection.connect({ address, port, secrets, database: 'app' })
    const text = 'SELECT (SELECT count(*)::int FROM notes WHERE id >= 100) AS n, pg_advisory_xact_lock(1)::text'
    assert.equal((await ask(connection, text)).rows[0]?.['n'], 0)
    await gate.query('SELECT pg_advisory_lock(1)')
    const reading = ask(connection, text)
    const isWaiting = async () => (await gate.query('SELECT FROM pg_locks WHERE NOT granted')).length === 1
    await waitUntil(isWaiting, { what: 'the read is under way', timeoutMs: 10_000 })
    await database.router.query(0, 'INSERT INTO notes VALUES (100)')
    const written = await flushed()
    const isReplayed = async () => (await replica.admin.state()).replayedLsn >= written
    await waitUntil(isReplayed, { what: 'the replica has the row', timeoutMs: 10_000 })
    await gate.query('SELECT pg_advisory_unlock(1)')
    const { rows, position, messages } = await reading
    assert.deepEqual([rows[0]?.['n'], messages], [0, 'BEBES'])
    assert.ok(position && position.floor >= written)
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
    const { rows } = await database.router.query(0, 'SELECT id FROM notes WHERE id BETWEEN 10 AND 99 ORDER BY id')
    assert.deepEqual(
      rows.map(({ id }) => id),
      [10, 12],
    )
  })
})

interface Asked {
  position: PositionReport | undefined
  rows: Row[]
  error: Error | undefined
  pieces: number
  /** Types of the protocol's messages, with a space behind each Sync but the last. */
  messages: string
}

function messagesOf(bytes: Buffer): string {
  let types = ''
  for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
    const type = String.fromCharCode(bytes[at] as number)
    types += type === 'S' ? 'S ' : type
  }
  return types.trimEnd()
}

test('a replica’s snapshot may be one record ahead of what it says it has replayed', () => {
  assert.deepEqual(positionOf(true, '0/10', '0/10'), { isInRecovery: true, floor: 16n, ceiling: 16n })
  assert.deepEqual(positionOf(true, '0/10', '0/20'), { isInRecovery: true, floor: 16n, ceiling: 17n })
  assert.deepEqual(positionOf(true, '0/10', null), { isInRecovery: true, floor: 16n, ceiling: 17n })
  assert.deepEqual(positionOf(false, '0/10', null), { isInRecovery: false, floor: 16n, ceiling: 16n })
  assert.equal(positionOf(true, null, null), undefined)
})
