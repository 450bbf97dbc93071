// By Sentinels: the cache follows the primary that they name, after kill -9 and after a planned fail-over.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import { RedisAdmin } from '../../../../programs/redis/admin.ts'
import { findRedis } from '../../../../programs/redis/binary.ts'
import { waitForSync } from '../../../../programs/redis/replication.ts'
import { startTestRedis, type TestRedis, testSecrets } from '../../../../programs/redis/testing.ts'
import { freePort } from '../../../../programs/testing.ts'
import { keptOf } from '../../testing/kept.ts'
import { askAny } from './asking.ts'
import { openAt } from './testing.ts'

const waitMs = 20_000
const minuteMs = 60_000

/** One Sentinel that decides alone, quickly. */
async function startSentinel(primary: TestRedis): Promise<{ port: number } & AsyncDisposable> {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-sentinel-'))
  const port = await freePort()
  const path = join(dir, 'sentinel.conf')
  const lines = [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir ${dir}`,
    'requirepass sentinels',
    `sentinel monitor app 127.0.0.1 ${primary.port} 1`,
    'sentinel auth-user app admin',
    `sentinel auth-pass app ${primary.secrets.admin}`,
    'sentinel down-after-milliseconds app 500',
    'sentinel failover-timeout app 3000',
  ]
  await writeFile(path, `${lines.join('\n')}\n`, { mode: 0o600 })
  const { path: binary } = await findRedis()
  const child: ChildProcess = spawn(binary, [path, '--sentinel'], { stdio: 'ignore' })
  return {
    port,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
      await rm(dir, { recursive: true })
    },
  }
}

it('the cache follows the primary that the Sentinels name, and no call fails on the way', async () => {
  const secrets = testSecrets()
  await using primary = await startTestRedis({ secrets })
  await using replica = await startTestRedis({ secrets, replicaOf: primary })
  {
    using first = await RedisAdmin.connect(primary)
    using second = await RedisAdmin.connect(replica)
    await waitForSync(second, first, waitMs)
  }
  await using sentinel = await startSentinel(primary)
  await using cache = await openAt(
    {
      kind: 'sentinel',
      sentinels: [
        { address: '127.0.0.1', port: await freePort() }, // nobody is there, and another one answers
        { address: '127.0.0.1', port: sentinel.port },
      ],
      primaryName: 'app',
      sentinelPassword: 'sentinels',
    },
    secrets.app,
  )
  const works = async (value: string) => {
    await cache.set('key', keptOf(value), minuteMs)
    return (await cache.get('key'))?.value === value
  }
  await waitUntil(() => works('before'), { what: 'the primary', timeoutMs: waitMs })
  const knowsReplica = () =>
    askAny(
      [{ address: '127.0.0.1', port: sentinel.port }],
      { password: 'sentinels' },
      ['SENTINEL', 'REPLICAS', 'app'],
      {
        timeoutMs: 1000,
        read: (answer) => (Array.isArray(answer) && answer.length === 1) || undefined,
      },
    )
  await waitUntil(knowsReplica, { what: 'the Sentinel to find the replica', timeoutMs: waitMs })
  await primary.kill()
  await waitUntil(() => works('after'), { what: 'the next primary', timeoutMs: waitMs })
  using promoted = await RedisAdmin.connect(replica)
  assert.equal((await promoted.info('replication')).get('role'), 'master')
  await primary.start() // as a primary, until the Sentinel sees it
  await waitUntil(() => works('with both'), { what: 'no mistake', timeoutMs: waitMs })
  assert.match(String(await promoted.command('GET', 'tenfold:v:{key}')), /with both$/)
})
