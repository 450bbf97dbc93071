// The salvage slot: made once, made anew when it is of no use, moved in bounded steps and never back.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { PostgresConnection } from '../connection.ts'
import { databaseName } from '../contract.ts'
import { parseLsn } from '../lsn.ts'
import { startTestPostgres, type TestPostgres } from '../testing.ts'
import { advanceSalvageSlot, dropSalvageSlot, ensureSalvageSlot, readSalvageSlot } from './slot.ts'

let server: TestPostgres
let connection: PostgresConnection
before(async () => {
  server = await startTestPostgres()
  connection = await PostgresConnection.connect({ ...server, database: databaseName })
})
after(async () => {
  await connection.close()
  await server.stop()
})

async function end(): Promise<bigint> {
  const [row] = await connection.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn')
  return parseLsn(row?.lsn ?? '')
}

test('it is made once, found again, dropped as often as one likes, and made anew in place of one that is of no use', async () => {
  assert.equal(await readSalvageSlot(connection), undefined)
  assert.equal(await ensureSalvageSlot(connection), 'made')
  assert.equal(await ensureSalvageSlot(connection), 'there')
  await dropSalvageSlot(connection)
  await dropSalvageSlot(connection)
  await connection.query(`SELECT pg_create_logical_replication_slot('tenfold_salvage', 'pgoutput')`)
  assert.match((await readSalvageSlot(connection))?.invalid ?? '', /another plugin/)
  assert.equal(await advanceSalvageSlot(connection, await end()), undefined)
  assert.equal(await ensureSalvageSlot(connection), 'remade')
  assert.equal((await readSalvageSlot(connection))?.invalid, undefined)
})

test('two that make it at once end with one', async () => {
  await dropSalvageSlot(connection)
  await using other = await PostgresConnection.connect({ ...server, database: databaseName })
  const answers = await Promise.all([ensureSalvageSlot(connection), ensureSalvageSlot(other)])
  assert.deepEqual(answers.sort(), ['made', 'there'])
})

test('it moves up to the position that it is given, a bounded piece of the log at a time, and never back', async () => {
  await ensureSalvageSlot(connection)
  const start = (await readSalvageSlot(connection))?.confirmed ?? 0n
  await connection.query('CREATE TABLE filler AS SELECT repeat(md5(i::text), 30) FROM generate_series(1, 40000) i')
  const target = await end()
  assert.ok(target - start > 32n * 1024n * 1024n)
  const first = (await advanceSalvageSlot(connection, target)) ?? 0n
  assert.ok(first > start && first - start <= 17n * 1024n * 1024n, `${first - start} bytes`)
  let at = first
  for (let calls = 0; at < target && calls < 10; calls++) at = (await advanceSalvageSlot(connection, target)) ?? 0n
  assert.equal(at, target)
  assert.equal(await advanceSalvageSlot(connection, start), target)
  assert.equal((await readSalvageSlot(connection))?.confirmed, target)
})
