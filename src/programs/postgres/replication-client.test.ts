// The connection for replication outlives a reader that has to wait.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { waitUntil } from '../../base/limits.ts'
import { readBaseBackup } from './base-backup.ts'
import { replaceConfig } from './configure.ts'
import { connectReplication, destroyClient, identifySystem } from './replication-client.ts'
import { startTestPostgres } from './testing.ts'

test('a base backup goes on after its reader stood still for longer than the server waits for other clients', async () => {
  await using postgres = await startTestPostgres()
  await replaceConfig(join(postgres.dataDir, 'postgresql.auto.conf'), "tcp_user_timeout = '1s'\n")
  await postgres.admin.reload()
  const isRead = async () =>
    (await postgres.admin.query(`SELECT FROM pg_file_settings WHERE name = 'tcp_user_timeout' AND applied`)).length > 0
  await waitUntil(isRead, { what: 'the setting', timeoutMs: 5000 })
  const client = await connectReplication(postgres, postgres.secrets, { name: 'test' })
  try {
    let [bytes, hasStood] = [0, false]
    for await (const part of readBaseBackup(client, 'test', { wal: false })) {
      if (part.kind !== 'data') continue
      bytes += part.chunk.length
      if (hasStood || bytes < 2_000_000) continue
      hasStood = true
      await setTimeout(5000)
    }
    assert.ok(bytes > 20_000_000, 'more than the sockets hold')
  } finally {
    destroyClient(client)
  }
})

test('a server tells who it is, and to nobody with a wrong password', async () => {
  await using postgres = await startTestPostgres()
  const client = await connectReplication(postgres, postgres.secrets, { name: 'test' })
  const { systemIdentifier, timeline } = await identifySystem(client)
  destroyClient(client)
  assert.match(systemIdentifier, /^\d{10,}$/)
  assert.equal(timeline, 1)
  const wrong = { ...postgres.secrets, replicator: 'wrong' }
  await assert.rejects(connectReplication(postgres, wrong, { name: 'test' }), { code: '28P01' })
})
