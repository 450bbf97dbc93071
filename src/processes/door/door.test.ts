// The door of a process, from both sides.

import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isTenfoldError, TenfoldError } from '../../base/errors.ts'
import { stressLifecycle } from '../../base/lifecycle-stress.ts'
import { seededRandom } from '../../base/random.ts'
import { doorFileOf, homeOf } from '../../map/home.ts'
import { DoorClient } from './client.ts'
import type { DoorHandlers } from './contract.ts'
import { DoorServer } from './server.ts'

const home = homeOf(await mkdtemp(join(tmpdir(), 'tenfold-door-')))
after(() => rm(home.dir, { recursive: true }))

const state = { node: 'us-east/web-1', mapVersion: 7, isReady: true, hasEntry: true, inFlight: 0 }
const plain: DoorHandlers = { state: () => state, applyMap: async () => {} }

test('what the client asks, the handlers hear, and the answer comes back', async () => {
  const held: unknown[] = []
  const server = new DoorServer(home, 'us-east/web-1', {
    ...plain,
    hold: async (request) => {
      held.push(request)
      return { isDrained: false, inFlight: 3 }
    },
  })
  await server.start()
  const client = new DoorClient(home, 'us-east/web-1')
  assert.deepEqual(await client.state(), { ...state, pid: process.pid, version: 1 })
  assert.deepEqual(await client.applyMap(), { ...state, pid: process.pid, version: 1 })
  assert.deepEqual(await client.hold({ leaseMs: 100, drainMs: 5 }), { isDrained: false, inFlight: 3 })
  assert.deepEqual(held, [{ leaseMs: 100, drainMs: 5 }])
  await client.release()
  await server.stop()
})

test('a process without a database is drained at once; one without the public socket starts no supervisor', async () => {
  const server = new DoorServer(home, 'us-east/front-1', plain)
  await server.start()
  const client = new DoorClient(home, 'us-east/front-1')
  assert.deepEqual(await client.hold({ leaseMs: 100, drainMs: 5 }), { isDrained: true, inFlight: 0 })
  await assert.rejects(client.startSupervisor(['x']), (error) => isTenfoldError(error, 'not-found'))
  await server.stop()
})

test("a handler's error reaches the caller with its code", async () => {
  const server = new DoorServer(home, 'us-east/web-2', {
    ...plain,
    applyMap: async () => {
      throw new TenfoldError('conflict', 'not now')
    },
  })
  await server.start()
  await assert.rejects(
    new DoorClient(home, 'us-east/web-2').applyMap(),
    (error) => isTenfoldError(error, 'conflict') && /us-east\/web-2: not now/.test(error.message),
  )
  await server.stop()
})

test('only the owner may knock, and a socket left by a killed process does not keep the next one out', async () => {
  for (let life = 0; life < 2; life++) {
    const server = new DoorServer(home, 'us-east/web-3', plain)
    await server.start()
    assert.equal((await stat(doorFileOf(home, 'us-east/web-3'))).mode & 0o777, 0o600)
    if (life === 1) await server.stop()
    else after(() => server.stop())
  }
})

test('a closed door and garbage on an open one end as errors, not as crashes', async () => {
  await assert.rejects(new DoorClient(home, 'us-east/nobody').state(), (error) => isTenfoldError(error, 'unavailable'))
  const server = new DoorServer(home, 'us-east/web-4', {
    ...plain,
    hold: async () => ({ isDrained: true, inFlight: 0 }),
  })
  await server.start()
  for (const garbage of [
    '\0\0\0',
    'POST /hold HTTP/1.1\r\ncontent-length: 5\r\nhost: x\r\n\r\n{bad}',
    'GET / HTTP/1.1\r\n\r\n',
  ]) {
    await new Promise<void>((resolve) => {
      const socket = createConnection(doorFileOf(home, 'us-east/web-4'), () => socket.end(garbage))
      socket.on('data', () => {})
      socket.on('close', () => resolve())
      socket.on('error', () => resolve())
    })
  }
  assert.equal((await new DoorClient(home, 'us-east/web-4').state()).node, state.node)
  await server.stop()
})

test('a door can be opened and closed from all sides', async () => {
  const server = new DoorServer(home, 'us-east/web-5', plain)
  await stressLifecycle(server, seededRandom(Date.now()), async () => {
    return (await new DoorClient(home, 'us-east/web-5').state()).isReady
  })
})
