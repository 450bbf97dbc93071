// The promises of the drainable server, on real sockets and with real processes that share one listening socket.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { BoundSocket, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isTenfoldError } from '../base/errors.ts'
import { waitUntil } from '../base/limits.ts'
import { DrainableServer } from './drainable-server.ts'

const limitMs = 10_000
const address = '127.0.0.1'

test('a taken port is an error that names the address and the port', async () => {
  const { server, port } = await listening()
  const second = new DrainableServer(() => {})
  await assert.rejects(
    second.listen({ address, port }),
    (error) => isTenfoldError(error, 'port-taken') && error.message.includes(`127.0.0.1:${port}`),
  )
  await server.drain(0)
})

test('a kept idle connection outlives stopAccepting and gets its next answer with Connection: close', async () => {
  const { server, port } = await listening()
  const client = await rawClient(port)
  assert.match(await client.ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), /keep-alive/i)
  server.stopAccepting()
  await assert.rejects(rawClient(port), /ECONNREFUSED/)
  assert.equal(server.connections, 1)
  assert.match(await client.ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), /200 OK.*connection: close/is)
  await once(client.socket, 'close')
  await server.drain(limitMs)
  assert.equal(server.connections, 0)
})

test('an answer that is being made when accepting stops is finished, and closes its connection', async () => {
  const answers: Array<() => void> = []
  const { server, port } = await listening((_request, response) => answers.push(() => response.end('slow')))
  const client = await rawClient(port)
  const answer = client.ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await waitUntil(() => answers.length === 1, { what: 'the request', timeoutMs: limitMs })
  assert.equal(server.inFlight, 1)
  const drained = server.drain(limitMs)
  answers[0]?.()
  assert.match(await answer, /connection: close/i)
  await drained
  assert.equal(server.inFlight, 0)
})

test('a drain that is over closes what is left, upgraded connections too', async () => {
  const server = new DrainableServer((_request, response) => response.end(), {
    onUpgrade: {
      wants: (request) => request.headers.upgrade === 'websocket',
      take: (_request, socket) =>
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
    },
  })
  await server.listen({ address, port: 0 })
  const port = server.address()?.port ?? 0
  const idle = await rawClient(port)
  const upgraded = await rawClient(port)
  const handshake = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: '
  assert.match(await upgraded.ask(`${handshake}websocket\r\n\r\n`), /^HTTP\/1.1 101/)
  assert.match(await idle.ask(`${handshake}h2c\r\n\r\n`), /^HTTP\/1.1 200/)
  await server.drain(50)
  await Promise.all([idle, upgraded].map(({ socket }) => socket.destroyed || once(socket, 'close')))
  assert.equal(server.connections, 0)
})

test('stopping before listening and stopping twice are harmless', async () => {
  const never = new DrainableServer(() => {})
  await never.drain(0)
  const { server } = await listening()
  await Promise.all([server.drain(limitMs), server.drain(0)])
  server.stopAccepting()
  await server.drain(0)
})

test('headers that come too slowly or are too large end with 408 and 431 in JSON', async () => {
  const server = new DrainableServer((_request, response) => response.end(), {
    headersTimeoutMs: 100,
    checkIntervalMs: 50,
    headerBytesMax: 2048,
  })
  await server.listen({ address, port: 0 })
  const port = server.address()?.port ?? 0
  const slow = await rawClient(port)
  assert.match(await slow.ask('GET / HTTP/1.1\r\nHost:'), /^HTTP\/1.1 408.*"code":"timeout"/s)
  const large = await rawClient(port)
  const block = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(4096)}\r\n\r\n`
  assert.match(await large.ask(block), /^HTTP\/1.1 431.*"code":"too-large"/s)
  await server.drain(0)
})

test('two processes that share one listening socket hand over under keep-alive load without a failed request', async () => {
  const bound = new BoundSocket({ host: address, port: 0 })
  const { port } = bound.address()
  const first = await startProcess('first', bound.fd())
  const load = startLoad(port, 8)
  await waitUntil(() => (load.answers.get('first') ?? 0) > 100, { what: 'load on first', timeoutMs: limitMs })
  const second = await startProcess('second', bound.fd())
  const firstExit = once(first, 'exit')
  first.kill('SIGTERM')
  const [code] = await firstExit
  const before = load.answers.get('second') ?? 0
  await waitUntil(() => (load.answers.get('second') ?? 0) > before + 100, {
    what: 'load on second',
    timeoutMs: limitMs,
  })
  await load.stop()
  assert.deepEqual(load.failures, [])
  assert.equal(code, 0)
  const secondExit = once(second, 'exit')
  second.kill('SIGTERM')
  await secondExit
  bound.close()
})

async function listening(listener = (_request: unknown, response: { end(text: string): void }) => response.end('ok')) {
  const server = new DrainableServer(listener)
  await server.listen({ address, port: 0 })
  return { server, port: server.address()?.port ?? 0 }
}

async function rawClient(port: number): Promise<{ socket: Socket; ask(text: string): Promise<string> }> {
  const socket = connect(port, address)
  await once(socket, 'connect')
  return {
    socket,
    async ask(text) {
      socket.write(text)
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      return chunk.toString('latin1')
    },
  }
}

async function startProcess(name: string, fd: number): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('testing/shared-socket-server.ts', import.meta.url))
  const child = spawn(process.execPath, [script, name], { stdio: ['ignore', 'pipe', 'inherit', fd] })
  const [line] = (await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data')) as [Buffer]
  assert.match(line.toString(), /ready/)
  return child
}

/** Clients that ask again as soon as they have an answer, on kept connections. */
function startLoad(port: number, clients: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const answers = new Map<string, number>()
  const failures: string[] = []
  let isStopping = false
  const client = async () => {
    while (!isStopping) {
      const text = await ask(port, agent).catch((error: Error) => void failures.push(error.message))
      if (text) answers.set(text, (answers.get(text) ?? 0) + 1)
    }
  }
  const running = Array.from({ length: clients }, client)
  return {
    answers,
    failures,
    async stop() {
      isStopping = true
      await Promise.all(running)
      agent.destroy()
    },
  }
}

function ask(port: number, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: address, port, agent }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
      response.on('error', reject)
    }).on('error', reject)
  })
}
