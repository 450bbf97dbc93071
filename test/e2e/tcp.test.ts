// Any program that speaks anything over TCP: it climbs, is balanced by connections, and a half-closed one still gets its answer.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { waitUntil } from '../../src/base/limits.ts'
import { isProcessAlive } from '../../src/programs/process.ts'
import { RunningSystem } from '../running-system.ts'

/** Says who it is, then repeats what it hears until the other side has said all. */
const program = `import { createServer } from 'node:net'
const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.write(process.pid + ': ')
  socket.pipe(socket)
  socket.on('error', () => {})
})
server.listen(Number(process.env.PORT), process.env.HOST)
process.on('SIGTERM', () => server.close())
`
const topology = {
  rung: 3,
  front: { mode: 'tcp', algorithm: 'round-robin', slowStartMs: 0 },
  web: { command: 'node echo.mjs', healthPath: '', drainMs: 1000 },
}

let system: RunningSystem

before(async () => {
  system = await RunningSystem.up({ 'echo.mjs': program, 'topology.json': topology })
})

after(() => system?.down())

test('connections go to every server, byte by byte and to their end', async () => {
  const said = await Promise.all(Array.from({ length: 8 }, (_, n) => converse(`word ${n}`)))
  const { nodes } = await system.status()
  const pids = nodes.flatMap(({ role, pid }) => (role === 'web' ? String(pid) : []))
  assert.deepEqual(
    said.map((text) => text.replace(/^\d+: /, '')),
    Array.from({ length: 8 }, (_, n) => `word ${n}`),
  )
  assert.deepEqual(new Set(said.map((text) => text.split(':')[0])), new Set(pids))
})

test('kill -9 of a server ends its connections and no other; new ones go to those that are left', async () => {
  const [victim] = (await system.status()).nodes.filter(({ role }) => role === 'web')
  const pid = Number(victim?.pid)
  process.kill(pid, 'SIGKILL')
  // Until the kernel has ended it, it still takes connections, and they end with it.
  await waitUntil(() => !isProcessAlive(pid), { what: `the end of process ${pid}`, timeoutMs: 10_000 })
  for (let n = 0; n < 10; n++) assert.match(await converse('still here'), /^\d+: still here$/)
  await system.waitStatus('the return of the server', ({ nodes }) =>
    nodes.some(({ id, state, pid }) => id === victim?.id && state === 'ready' && pid !== victim.pid),
  )
})

/** Says all it has to say at once, and listens to the end. */
function converse(words: string): Promise<string> {
  const { hostname, port } = new URL(system.appUrl)
  return new Promise((resolve, reject) => {
    let heard = ''
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true, timeout: 10_000 })
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      heard += text
    })
    socket.on('end', () => resolve(heard))
    socket.on('error', reject)
    socket.on('timeout', () => socket.destroy(new Error(`no end after ${JSON.stringify(heard)}`)))
    socket.end(words)
  })
}
