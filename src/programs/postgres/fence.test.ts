// A fenced server serves replication and the supervisor, and nobody else, until the fence is lowered.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import { PostgresAdmin } from './admin.ts'
import { configureCluster } from './configure.ts'
import { isFenced } from './fence.ts'
import { startServer, stopServer, waitForServer } from './server.ts'
import { connectAs, restoreTestPostgres, startTestPostgres, startTestReplica, type TestPostgres } from './testing.ts'

const waitMs = 15_000
const writers = 20

let server: TestPostgres
before(async () => {
  server = await startTestPostgres({ connectionsMax: writers + 4 })
})
beforeEach(() => restoreTestPostgres(server))
after(() => server.stop())

test('a fence ends every writer and lets none in, loses nothing, streams on, and is reversed by unfence', async () => {
  const primary = server
  await using replica = await startTestReplica(primary, { slot: 'second' })
  await using owner = await connectAs(primary, 'owner')
  await owner.query('CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY, writer int)')
  let acknowledged = 0
  const codes = new Set<string | undefined>()
  const writing = Array.from({ length: writers }, async (_, writer) => {
    for (;;) {
      try {
        await using app = await connectAs(primary, 'app')
        // Between two statements the end of a connection is an event, and the next statement fails without a code.
        app.on('error', (error: Error & { code?: string }) => codes.add(error.code))
        for (;;) {
          await app.query('INSERT INTO notes (writer) VALUES ($1)', [writer])
          acknowledged++
        }
      } catch (error) {
        const { code } = error as { code?: string }
        codes.add(code)
        if (code === '28000') return
      }
    }
  })
  await waitUntil(() => acknowledged > 100, { what: 'writes', timeoutMs: waitMs })
  await primary.admin.fence()
  const { writtenLsn } = await primary.admin.state()
  const atFence = await countOf(primary)
  await Promise.all(writing)
  assert.ok(atFence >= acknowledged, `${atFence} rows for ${acknowledged} acknowledged writes`)
  assert.equal(await countOf(primary), atFence, 'a write slipped through')
  // A connection that is thrown out says 57P01, or is closed before it can; a new one is refused with 28000.
  assert.ok(codes.has('28000') && codes.has('57P01'), [...codes].join())
  assert.deepEqual(
    [...codes].filter((code) => !['28000', '57P01', 'ECONNRESET', undefined].includes(code)),
    [],
  )

  await primary.admin.query('CREATE TABLE marker ()')
  await waitUntil(async () => (await replica.admin.state()).replayedLsn >= writtenLsn, {
    what: 'streaming',
    timeoutMs: waitMs,
  })
  assert.equal(await countOf(replica), atFence)

  await primary.admin.fence()
  await primary.admin.unfence()
  await primary.admin.unfence()
  await using again = await connectAs(primary, 'app')
  await again.query('INSERT INTO notes (writer) VALUES (0)')
})

test('a fence counts only once the server itself has read it', async () => {
  await using other = await PostgresAdmin.connect(server)
  let isDone = false
  process.kill(server.pid, 'SIGSTOP')
  const fenced = server.admin.fence().then(() => {
    isDone = true
  })
  await waitUntil(() => isFenced(server.dataDir), { what: 'the file of the fence', timeoutMs: waitMs })
  // Many times what the fence itself asks of the server; backends work on while their parent is stopped.
  for (let count = 0; count < 50; count++) await other.state()
  assert.equal(isDone, false)
  process.kill(server.pid, 'SIGCONT')
  await fenced
  await assert.rejects(connectAs(server, 'app'), { code: '28000' })
})

test('a fence survives a kill, a restart and a new configuration', async () => {
  await server.admin.fence()
  await stopServer(server.pid, 'immediate', waitMs)
  await configureCluster(server)
  const { pid } = await startServer(server)
  await waitForServer({ ...server, pid, timeoutMs: waitMs })
  await assert.rejects(connectAs(server, 'app'), { code: '28000' })
  await assert.rejects(connectAs(server, 'owner'), { code: '28000' })
})

test('clients that idle, wait, hold locks or have not said who they are do not keep a fence from closing', async () => {
  await using owner = await connectAs(server, 'owner')
  await owner.query('CREATE TABLE locked (id int)')
  await owner.query('BEGIN')
  await owner.query('LOCK TABLE locked')
  await using waiting = await connectAs(server, 'app')
  const waits = assert.rejects(waiting.query('SELECT pg_sleep(60)'), { code: '57P01' })
  await using _idle = await connectAs(server, 'app')
  // It says nothing, not even who it is: nobody can tell whether the old rules would have let it in.
  await using silent = connectSocket(server.port, server.address)
  await once(silent, 'connect')
  silent.on('error', () => {})
  // As many as are let in: the supervisor's own way in must not depend on the app's.
  await using _last = await connectAs(server, 'app')
  await Promise.all([server.admin.fence(), waits])
  await assert.rejects(owner.query('COMMIT'))
  const left = await server.admin.query(`SELECT usename FROM pg_stat_activity WHERE usename IN ('owner', 'app')`)
  assert.deepEqual(left, [])
})

async function countOf(server: TestPostgres): Promise<number> {
  const { address, port, secrets } = server
  await using admin = await PostgresAdmin.connect({ address, port, secrets, database: 'app' })
  const [row] = await admin.query<{ count: number }>('SELECT count(*)::int AS count FROM notes')
  return row?.count ?? -1
}
