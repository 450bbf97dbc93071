// Replication and who writes next: by plan without a lost write, and when the primary is gone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../base/limits.ts'
import { RedisAdmin } from './admin.ts'
import { failOver, switchOver } from './failover.ts'
import { raiseFence } from './fence.ts'
import { follow, replicationState, waitForSync } from './replication.ts'
import { startTestRedis, testSecrets } from './testing.ts'

const waitMs = 10_000

test('a planned switch-over under writes loses none and the old primary follows', async () => {
  const secrets = testSecrets()
  await using primary = await startTestRedis({ secrets })
  await using replica = await startTestRedis({ secrets, replicaOf: primary })
  using old = await RedisAdmin.connect(primary)
  using next = await RedisAdmin.connect(replica)
  await waitForSync(next, old, waitMs)
  let acknowledged = 0
  let isOver = false
  const writer = (async () => {
    while (!isOver)
      try {
        await old.command('SET', `key:${acknowledged}`, 'x')
        acknowledged++
      } catch (error) {
        assert.match((error as Error).message, /READONLY|UNBLOCKED/)
        return
      }
  })()
  await waitUntil(() => acknowledged > 100, { what: 'writes', timeoutMs: waitMs })
  await switchOver(old, replica)
  await writer
  isOver = true
  assert.equal((await replicationState(next)).role, 'primary')
  assert.equal(Number(await next.command('DBSIZE')), acknowledged)
  await waitForSync(old, next, waitMs)
  await next.command('SET', 'after', 'x')
  await waitForSync(old, next, waitMs)
  assert.equal(await old.command('GET', 'after'), 'x')
})

test('after kill -9 of the primary the replica that has most is promoted, the others and the old one follow it', async () => {
  const secrets = testSecrets()
  await using primary = await startTestRedis({ secrets })
  await using near = await startTestRedis({ secrets, replicaOf: primary })
  await using far = await startTestRedis({ secrets, replicaOf: primary })
  using first = await RedisAdmin.connect(primary)
  using nearAdmin = await RedisAdmin.connect(near)
  using farAdmin = await RedisAdmin.connect(far)
  await waitForSync(nearAdmin, first, waitMs)
  await waitForSync(farAdmin, first, waitMs)
  far.signal('SIGSTOP')
  // More than the buffers between them hold: what a paused replica was sent is its own all the same.
  await first.command('SET', 'ballast', 'x'.repeat(16 * 1024 * 1024))
  await first.command('SET', 'key', 'newest')
  await waitForSync(nearAdmin, first, waitMs)
  await primary.kill()
  far.signal('SIGCONT')
  await raiseFence(primary.files, primary) // it is down: the fence waits for it
  const chosen = await failOver([far, near], { secrets })
  assert.equal(chosen.port, near.port)
  assert.deepEqual(await failOver([far, near], { secrets }), chosen, 'a second call changes nothing')
  await waitForSync(farAdmin, nearAdmin, waitMs)
  assert.equal(await farAdmin.command('GET', 'key'), 'newest')
  await primary.start({ replicaOf: chosen })
  using back = await RedisAdmin.connect(primary)
  await waitForSync(back, nearAdmin, waitMs)
  assert.equal(await back.command('GET', 'key'), 'newest')
})

test('a primary that lost its replicas refuses writes when it was told to', async () => {
  const secrets = testSecrets()
  await using primary = await startTestRedis({ secrets, replicasMin: 1 })
  await using replica = await startTestRedis({ secrets })
  using admin = await RedisAdmin.connect(primary)
  await assert.rejects(admin.command('SET', 'key', 'x'), /NOREPLICAS/)
  using other = await RedisAdmin.connect(replica)
  await follow(other, primary)
  const writes = async () => (await admin.command('SET', 'key', 'x')) === 'OK'
  await waitUntil(writes, { what: 'writes with a replica', timeoutMs: waitMs })
  replica.signal('SIGSTOP')
  await waitUntil(async () => !(await writes().catch(() => false)), { what: 'the refusal', timeoutMs: waitMs })
  replica.signal('SIGCONT')
})
