// The whole way by a bucket: the log and a base backup into it while it fails now and then, and a restore out of it.

import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../../base/clock.ts'
import { waitUntil } from '../../../base/limits.ts'
import { PostgresAdmin } from '../../../programs/postgres/admin.ts'
import { connectAs, startTestPostgres, testDir } from '../../../programs/postgres/testing.ts'
import { ShardArchive } from '../archive.ts'
import { ShardBackup } from '../shard-backup.ts'
import { openStore } from '../store/open-store.ts'
import { startTestS3 } from '../store/testing/s3-server.ts'
import { removeRestored, restore } from './restore.ts'

const timeoutMs = 60_000

test('a database comes back out of a bucket that had failed for a while', async () => {
  await using s3 = await startTestS3()
  await using postgres = await startTestPostgres()
  const store = openStore(s3.to, '/', s3.env)
  const told: string[] = []
  const backup = new ShardBackup({
    ...{ id: 's1', store, secrets: postgres.secrets, tell: (_level, message) => told.push(message) },
    servers: () => ({ primary: { ...postgres, id: 'primary' }, replicas: [] }),
    intervals: () => ({ everyMs: 3_600_000, keepMs: 3_600_000 }),
  })
  const dir = await testDir()
  await backup.start()
  try {
    await waitUntil(() => backup.status().lastBackupAt, { what: 'the first backup', timeoutMs })
    await using owner = await connectAs(postgres, 'owner')
    await owner.query('CREATE TABLE notes (id int, filler text)')
    if (s3.gate) s3.gate.failWith = 503
    for (let id = 1; id <= 3; id++) {
      await owner.query(`INSERT INTO notes SELECT $1, repeat(md5(n::text), 200) FROM generate_series(1, 1500) n`, [id])
      await systemClock.sleep(200)
    }
    if (s3.gate) {
      await waitUntil(() => backup.status().trouble, { what: 'the trouble', timeoutMs })
      s3.gate.failWith = undefined
    }
    const time = new Date()
    await systemClock.sleep(50)
    await owner.query('INSERT INTO notes VALUES (4)')
    const writtenAt = Date.now()
    await waitUntil(() => Date.parse(backup.status().archivedUntil ?? '') > writtenAt, {
      what: 'the archive',
      timeoutMs,
    })
    const archive = new ShardArchive(openStore(s3.to, '/', s3.env), 's1')
    const options = { archive, target: { time }, dir: join(dir, 'back'), secrets: postgres.secrets }
    const server = await restore(options)
    try {
      await using admin = await PostgresAdmin.connect({ ...server, secrets: postgres.secrets, database: 'app' })
      assert.deepEqual(await admin.query('SELECT id, count(*)::int FROM notes GROUP BY id ORDER BY id'), [
        { id: 1, count: 1500 },
        { id: 2, count: 1500 },
        { id: 3, count: 1500 },
      ])
    } finally {
      await removeRestored(server.dir)
    }
    await waitUntil(() => backup.status().trouble === null, { what: 'the end of the trouble', timeoutMs })
  } finally {
    await backup.stop()
    await rm(dir, { recursive: true, force: true })
  }
})
