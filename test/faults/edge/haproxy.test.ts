// Fronts whose balancer is a HAProxy: they take the place of ours and give it back under load, and serve on when their own
// process dies.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { waitUntil } from '../../../src/base/limits.ts'
import { findHaproxy } from '../../../src/programs/haproxy/binary.ts'
import { isProcessAlive } from '../../../src/programs/process.ts'
import type { RunningSystem } from '../../running-system.ts'
import { showSupervisorLogOfFailures } from '../database/supervisor-log.ts'
import { apply, askSecurely, frontsOf, get, underLoad, upWithEdge, waitWhole, websOf } from './edge-system.ts'

const isThere = await findHaproxy().then(
  () => true,
  () => false,
)
const skip = isThere ? false : 'HAProxy is not installed (apt install haproxy)'
const haproxy = { engine: 'haproxy' } as const

let system: RunningSystem

before(async () => {
  if (isThere) system = await upWithEdge()
})

showSupervisorLogOfFailures(() => system)

after(() => system?.down())

test('HAProxy takes the place of our own balancer under load, with TLS beside it', { skip }, async (t) => {
  await underLoad(t, system, () => apply(system, { rung: 3, front: { count: 1, ...haproxy, tls: { enabled: true } } }))
  const { urls, nodes } = await system.status()
  assert.equal(nodes.filter(({ role }) => role === 'front').length, 1)
  assert.equal((await get(system, '/made/through')).cache, '')
  assert.equal(await askSecurely(`${urls.tls}/made/through`), 200)
})

test('kill -9 of the process of a front: its HAProxy serves on, and the next process takes it over', {
  skip,
}, async (t) => {
  const [front] = await frontsOf(system)
  assert.ok(front)
  await underLoad(t, system, async () => {
    process.kill(front.pid, 'SIGKILL')
    await system.waitStatus('the return of the front', ({ nodes }) =>
      nodes.some(({ id, state, pid }) => id === front.id && state === 'ready' && pid !== front.pid),
    )
  })
})

test('kill -9 of a web server behind HAProxy fails nothing that may be repeated', { skip }, async (t) => {
  const [web] = await websOf(system)
  assert.ok(web)
  await underLoad(t, system, async () => {
    process.kill(web.pid, 'SIGKILL')
    await system.waitStatus('the return of the web server', ({ nodes }) =>
      nodes.some(({ id, state, pid }) => id === web.id && state === 'ready' && pid !== web.pid),
    )
  })
})

test('supervisor and front are gone and HAProxy has the public address: `tenfold up` begins anew', {
  skip,
}, async () => {
  const [front] = await frontsOf(system)
  const { supervisor, urls } = await system.status()
  assert.ok(front && supervisor)
  for (const { pid } of [supervisor, front]) process.kill(pid, 'SIGKILL')
  await waitUntil(() => !isProcessAlive(front.pid), { what: 'the death of the front', timeoutMs: 10_000 })
  assert.equal((await get(system, '/made/alone')).status, 200)
  await system.tenfold('up', '--detach')
  await waitWhole(system)
  assert.equal((await get(system, '/made/again')).status, 200)
  assert.equal(await askSecurely(`${urls.tls}/made/again`), 200)
})

test('two of them share the public socket, and ours take their place again', { skip }, async (t) => {
  await underLoad(t, system, () => apply(system, { rung: 3, front: { count: 2, ...haproxy } }))
  assert.equal((await frontsOf(system)).length, 2)
  await underLoad(t, system, () => apply(system, { rung: 3, front: { count: 1 } }))
  assert.equal((await frontsOf(system)).length, 1)
})
