// A new balancer takes the place of an old one on the socket that both inherited: clients on kept connections do not notice.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { BoundSocket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil, withTimeout } from '../../../../base/limits.ts'
import type { Upstreams } from '../../contract.ts'
import { limitMs, startLoad, upstreamsOf } from '../../testing/bench.ts'
import { openUpstreamServer } from '../../testing/upstream-server.ts'

test('6 times a successor takes over under load, and no request fails, POSTs among them', async (t) => {
  const servers = await Promise.all(['a', 'b'].map((name) => openUpstreamServer(name)))
  t.after(() => Promise.all(servers.map((server) => server.close())))
  const bound = new BoundSocket({ host: '127.0.0.1', port: 0 })
  t.after(() => bound.close())
  const upstreams = upstreamsOf(servers, { algorithm: 'p2c' })
  let front = await startFront(t, bound.fd(), upstreams)
  const load = startLoad(bound.address().port, [
    { path: '/bytes/2000' },
    { path: '/echo', method: 'POST', body: 'x'.repeat(3000) },
    { path: '/bytes/200000' },
    { path: '/echo', method: 'POST', body: 'x'.repeat(100_000) },
  ])
  for (let reload = 1; reload <= 6; reload++) {
    const before = load.answered()
    const successor = await startFront(t, bound.fd(), upstreams)
    await waitUntil(() => load.answered() > before + 50, { what: `load at reload ${reload}`, timeoutMs: limitMs })
    const ended = once(front, 'exit')
    front.kill('SIGTERM')
    assert.deepEqual(await withTimeout(ended, limitMs, `the end of front ${reload}`), [0, null])
    front = successor
  }
  await load.stop()
  assert.deepEqual(load.failures, [])
})

async function startFront(t: TestContext, fd: number, upstreams: Upstreams): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('../../testing/front-process.ts', import.meta.url))
  const args = [script, JSON.stringify(upstreams)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', fd] })
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  await withTimeout(once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data'), limitMs, 'the front')
  return child
}
