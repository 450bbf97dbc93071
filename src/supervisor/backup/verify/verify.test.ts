// A restored copy equals the running database exactly, also while it is written; and what is planted in it is found.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../base/clock.ts'
import { waitUntil } from '../../../base/limits.ts'
import { PostgresAdmin } from '../../../programs/postgres/admin.ts'
import { connectAs, startTestPostgres, type TestPostgres, testDir } from '../../../programs/postgres/testing.ts'
import { ShardArchive } from '../archive.ts'
import { WalArchiver } from '../archiver.ts'
import { removeRestored, restore } from '../restore/restore.ts'
import { FolderStore } from '../store/folder.ts'
import { takeBackup } from '../take-backup.ts'
import { readLiveContent } from './snapshot.ts'
import { inspect, verify } from './verify.ts'

const timeoutMs = 30_000
const accounts = 200
/** Enough to have transactions under way at every moment, little enough to leave the machine to others. */
const pauseMs = 5

let postgres: TestPostgres
let dir: string
let restoreDir: string
let archive: ShardArchive
let archiver: WalArchiver

before(async () => {
  postgres = await startTestPostgres()
  dir = await mkdtemp(join(tmpdir(), 'tenfold-verify-'))
  restoreDir = await testDir()
  archive = new ShardArchive(new FolderStore(dir), 's1')
  archiver = new WalArchiver({
    ...{ archive, secrets: postgres.secrets, replicas: () => [], partialEveryMs: 100 },
    primary: () => ({ id: 'primary', address: postgres.address, port: postgres.port }),
    tell: (_level, message) => console.log(message),
    onGap: () => assert.fail('a gap'),
  })
  await archiver.start()
  await waitUntil(() => archiver.run?.until, { what: 'the first contact', timeoutMs })
  await using owner = await connectAs(postgres, 'owner')
  await owner.query('CREATE TABLE accounts (id int PRIMARY KEY, cents bigint, tenfold text)')
  await owner.query('CREATE TABLE moves (id bigserial PRIMARY KEY, from_id int, to_id int, note text)')
  await owner.query('CREATE UNLOGGED TABLE scratch (id int)')
  await owner.query(`INSERT INTO accounts SELECT n, 1000, 'row ' || n FROM generate_series(1, ${accounts}) n`)
  await owner.query('INSERT INTO scratch VALUES (1)')
  await takeBackup({
    ...{ archive, secrets: postgres.secrets, source: { ...postgres, id: 'primary' } },
    systemIdentifier: (await archive.readState())?.systemIdentifier ?? '',
    waitArchived: (position) => archiver.waitFor(position, timeoutMs),
  })
})
after(async () => {
  await archiver.stop()
  await postgres.stop()
  assert.deepEqual(await readdir(restoreDir), [])
  await rm(dir, { recursive: true, force: true })
  await rm(restoreDir, { recursive: true, force: true })
})

test('under load the copy equals the running database, row by row, three times in a row', async () => {
  const stop = new AbortController()
  const writing = Array.from({ length: 6 }, (_, writer) => moveMoney(writer, stop.signal))
  try {
    for (let round = 0; round < 3; round++) {
      const report = await verify({
        ...{ archive, primary: postgres, secrets: postgres.secrets, dir: join(restoreDir, `round-${round}`) },
      })
      assert.deepEqual(report.differences, [])
      assert.deepEqual(report.damage, [])
      assert.equal(report.isSound, true)
      assert.ok(report.rows > accounts && report.tables >= 2)
    }
  } finally {
    stop.abort()
    await Promise.all(writing)
  }
  const slots = await postgres.admin.query("SELECT FROM pg_replication_slots WHERE slot_name LIKE 'tenfold_verify%'")
  assert.deepEqual(slots, [])
})

test('a row that was changed, one that is missing, and a table that is missing are found in the copy', async () => {
  await withCopy(async (admin, check) => {
    assert.deepEqual(await check(), { differences: [], damage: [] })
    await admin.query("UPDATE accounts SET tenfold = 'Row 7' WHERE id = 7")
    const [changed, ...others] = (await check()).differences
    assert.deepEqual(others, [])
    assert.equal(changed?.table, 'public.accounts')
    assert.equal(changed?.live?.rows, changed?.restored?.rows)
    await admin.query('DELETE FROM accounts WHERE id = 8')
    assert.equal((await check()).differences[0]?.restored?.rows, accounts - 1)
    await admin.query('DROP TABLE moves')
    assert.deepEqual(
      (await check()).differences.map(({ table, restored }) => [table, restored === null]),
      [
        ['public.accounts', false],
        ['public.moves', true],
      ],
    )
  })
})

test('an index that lacks a row is found by amcheck', async () => {
  await withCopy(async (admin, check) => {
    const ready = (isReady: boolean) =>
      admin.query(`UPDATE pg_index SET indisready = ${isReady} WHERE indexrelid = 'accounts_pkey'::regclass`)
    await ready(false)
    await admin.query('INSERT INTO accounts VALUES (9999, 0, NULL)')
    await ready(true)
    const { damage } = await check()
    assert.equal(damage.length, 1)
    assert.match(damage[0] ?? '', /index public\.accounts_pkey: .*lacks matching index tuple/)
  })
})

type Found = Awaited<ReturnType<typeof inspect>>

async function withCopy(work: (admin: PostgresAdmin, check: () => Promise<Found>) => Promise<void>): Promise<void> {
  const { secrets } = postgres
  const live = await readLiveContent(postgres, secrets)
  await postgres.admin.query("SELECT pg_logical_emit_message(false, 'test', 'behind', true)")
  const { timeline, writtenLsn } = await postgres.admin.state()
  await archiver.waitFor({ timeline, lsn: writtenLsn }, timeoutMs)
  const copy = join(restoreDir, 'copy')
  const server = await restore({ archive, secrets, dir: copy, target: { lsn: live.at.lsn } })
  try {
    await using admin = await PostgresAdmin.connect({ ...server, secrets, database: 'app' })
    await work(admin, () => inspect(server, secrets, live.content))
  } finally {
    await removeRestored(copy)
  }
}

/** Transactions of several statements, some of them rolled back. */
async function moveMoney(writer: number, signal: AbortSignal): Promise<void> {
  await using app = await connectAs(postgres, 'app')
  for (let move = 0; !signal.aborted; move++) {
    const [from, to] = [(writer * 31 + move * 7) % accounts, (writer * 17 + move * 3) % accounts].map((id) => id + 1)
    await app.query('BEGIN')
    try {
      await app.query('UPDATE accounts SET cents = cents - 1 WHERE id = $1', [from])
      await app.query('UPDATE accounts SET cents = cents + 1 WHERE id = $1', [to])
      await app.query('INSERT INTO moves (from_id, to_id, note) VALUES ($1, $2, repeat($3, 40))', [from, to, 'note '])
      await app.query(move % 5 === 0 ? 'ROLLBACK' : 'COMMIT')
      await systemClock.sleep(pauseMs)
    } catch (error) {
      const isDeadlock = (error as { code?: string }).code === '40P01'
      if (!isDeadlock) throw error
      await app.query('ROLLBACK')
    }
  }
}
