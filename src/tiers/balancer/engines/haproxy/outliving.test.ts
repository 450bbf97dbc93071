// HAProxy outlives whoever started it, and whoever comes next takes it over: no request is lost, and none is refused.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { BoundSocket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil, withTimeout } from '../../../../base/limits.ts'
import { isProcessAlive } from '../../../../programs/process.ts'
import type { Upstreams } from '../../contract.ts'
import { ask, type Load, limitMs, startLoad, upstreamsOf } from '../../testing/bench.ts'
import { openUpstreamServer } from '../../testing/upstream-server.ts'
import { openHaproxyBalancer } from './engine.ts'
import { openReady, temporaryDir, withHaproxy } from './testing/bench.ts'

withHaproxy('haproxy: outliving', () => {
  test('killed with -9 under load it leaves HAProxy serving, and its successor takes it over with other servers', async (t) => {
    const [a, b] = await Promise.all([openUpstreamServer('a'), openUpstreamServer('b')])
    t.after(() => Promise.all([a.close(), b.close()]))
    const dir = await temporaryDir(t)
    const bound = new BoundSocket({ host: '127.0.0.1', port: 0 })
    t.after(() => bound.close())
    const { port } = bound.address()
    const first = await startOwner(t, bound, dir, upstreamsOf([a]))
    assert.equal(first.port, port)
    t.after(() => endProcess(first.masterPid))
    const load = startLoad(port, [{ path: '/echo' }, { path: '/echo', method: 'POST', body: 'x'.repeat(3000) }])
    await more(load, 'before the kill')
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    await more(load, 'without an owner')
    assert.equal(b.asked.length, 0)

    const second = await startOwner(t, bound, dir, upstreamsOf([a, b]))
    assert.equal(second.masterPid, first.masterPid, 'it started another one')
    await more(load, 'with the second owner')
    await waitUntil(() => b.asked.length > 20, { what: 'requests at the server that came', timeoutMs: limitMs })

    second.child.kill('SIGKILL')
    await once(second.child, 'exit')
    // Settings that need a reload, by somebody who did not start it and has never seen its configuration.
    const third = await startOwner(t, bound, dir, upstreamsOf([b], { algorithm: 'least-connections', timeoutMs: 4000 }))
    assert.equal(third.masterPid, first.masterPid)
    await more(load, 'with the third owner')
    await load.stop()
    assert.deepEqual(load.failures, [])
    const before = a.asked.length
    for (let i = 0; i < 4; i++) assert.equal((await ask(port, '/bytes/1')).status, 200)
    assert.equal(a.asked.length, before, 'a server that is gone was asked')

    const exited = once(third.child, 'exit')
    third.child.kill('SIGTERM')
    assert.deepEqual(await withTimeout(exited, limitMs, 'the end of the third'), [0, null])
    await waitUntil(() => !isProcessAlive(first.masterPid), { what: 'the end of HAProxy', timeoutMs: limitMs })
  })

  test('a HAProxy of another socket is ended, not taken over', async (t) => {
    const a = await openUpstreamServer('a')
    t.after(() => a.close())
    const dir = await temporaryDir(t)
    const [old, fresh] = [0, 0].map(() => new BoundSocket({ host: '127.0.0.1', port: 0 })) as [BoundSocket, BoundSocket]
    t.after(() => [old, fresh].forEach((socket) => void socket.close()))
    const first = await startOwner(t, old, dir, upstreamsOf([a]))
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    const second = await startOwner(t, fresh, dir, upstreamsOf([a]))
    t.after(() => endProcess(second.masterPid))
    assert.notEqual(second.masterPid, first.masterPid)
    assert.equal(isProcessAlive(first.masterPid), false)
    assert.equal((await ask(fresh.address().port, '/bytes/1')).status, 200)
  })

  test('a listener that nobody asks for any more is closed', async (t) => {
    const a = await openUpstreamServer('a')
    t.after(() => a.close())
    const dir = await temporaryDir(t)
    const bound = new BoundSocket({ host: '127.0.0.1', port: 0 })
    const first = await startOwner(t, bound, dir, upstreamsOf([a]))
    t.after(() => endProcess(first.masterPid))
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    const { port } = bound.address()
    bound.close() // now only HAProxy has it
    const limits = { observeIntervalMs: 30, unclaimedMsMax: 300 }
    const balancer = await openHaproxyBalancer(upstreamsOf([a]), { dir, limits })
    t.after(() => balancer.close(0))
    assert.equal((await ask(port, '/bytes/1')).status, 200)
    await balancer.listen({ address: '127.0.0.1', port: 0 })
    await waitUntil(() => balancer.isReady(), { what: 'ready', timeoutMs: limitMs })
    assert.deepEqual(balancer.addresses().length, 1)
    await waitUntil(
      () =>
        ask(port, '/bytes/1', { timeout: 200 }).then(
          () => false,
          () => true,
        ),
      {
        what: 'nobody at the old listener',
        timeoutMs: limitMs,
      },
    )
  })

  test('who takes over and cannot even begin leaves it serving', async (t) => {
    const a = await openUpstreamServer('a')
    t.after(() => a.close())
    const dir = await temporaryDir(t)
    const bound = new BoundSocket({ host: '127.0.0.1', port: 0 })
    t.after(() => bound.close())
    const first = await startOwner(t, bound, dir, upstreamsOf([a]))
    t.after(() => endProcess(first.masterPid))
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    const balancer = await openHaproxyBalancer(upstreamsOf([a]), { dir })
    await assert.rejects(balancer.listen({ fd: 77 }), { code: 'bad-input' })
    await balancer.close(0)
    assert.equal((await ask(bound.address().port, '/bytes/1')).status, 200)
  })

  test('a HAProxy that dies is started again, where it was', async (t) => {
    const a = await openUpstreamServer('a')
    t.after(() => a.close())
    const troubles: string[] = []
    const onTrouble = (error: unknown) => void troubles.push(String(error))
    const { port, dir } = await openReady(t, upstreamsOf([a]), { onTrouble })
    const pid = JSON.parse(await readRecord(dir)).masterPid as number
    process.kill(pid, 'SIGKILL')
    await waitUntil(async () => JSON.parse(await readRecord(dir)).masterPid !== pid, {
      what: 'another one',
      timeoutMs: limitMs,
    })
    await waitUntil(() => ask(port, '/bytes/1').then(({ status }) => status === 200), {
      what: 'an answer',
      timeoutMs: limitMs,
    })
    assert.match(troubles.join('\n'), /HAProxy died/)
  })

  test('its sockets and files are for its owner only', async (t) => {
    const a = await openUpstreamServer('a')
    t.after(() => a.close())
    const { dir } = await openReady(t, upstreamsOf([a]))
    const modeOf = (name: string) => (statSync(join(dir, name)).mode & 0o777).toString(8)
    for (const name of ['master.sock', 'runtime.sock', 'haproxy.cfg', 'record.json', 'haproxy.log'])
      assert.equal(modeOf(name), '600', name)
    assert.equal(modeOf('.'), '700')
  })
})

interface Owner {
  child: ChildProcess
  masterPid: number
  port: number
}

async function startOwner(t: TestContext, bound: BoundSocket, dir: string, upstreams: Upstreams): Promise<Owner> {
  const script = fileURLToPath(new URL('testing/owner.ts', import.meta.url))
  const child = spawn(process.execPath, [script, dir, JSON.stringify(upstreams)], {
    stdio: ['ignore', 'pipe', 'inherit', bound.fd()],
  })
  t.after(() => child.kill('SIGKILL'))
  const [line] = (await withTimeout(
    once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data'),
    limitMs,
    'an owner',
  )) as [Buffer]
  const [masterPid = 0, port = 0] = line.toString().split(' ').map(Number)
  return { child, masterPid, port }
}

async function more(load: Load, what: string): Promise<void> {
  const before = load.answered()
  await waitUntil(() => load.answered() > before + 100, { what: `load ${what}`, timeoutMs: limitMs })
}

async function readRecord(dir: string): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  return readFile(join(dir, 'record.json'), 'utf8')
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM')
  } catch {} // it has ended
}
