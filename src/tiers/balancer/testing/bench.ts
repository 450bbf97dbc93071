// What every part of the suite stands on: a balancer with servers behind it, clients in front, and an end to it all.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, type IncomingHttpHeaders, type RequestOptions, request } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil, withTimeout } from '../../../base/limits.ts'
import type { Balancer, Upstream, Upstreams } from '../contract.ts'
import { type Echo, openUpstreamServer, type UpstreamServer } from './upstream-server.ts'

export const limitMs = 10_000
const address = '127.0.0.1'

/** How a suite gets a balancer of the engine under test. It is closed by the suite. */
export type OpenBalancer = (upstreams: Upstreams) => Promise<Balancer>

export interface Bench {
  balancer: Balancer
  port: number
  servers: UpstreamServer[]
  upstreams: Upstreams
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

export function upstreamsOf(servers: ReadonlyArray<{ name: string; port: number }>, over: Partial<Upstreams> = {}) {
  const upstreams: Upstreams = {
    ...{ mode: 'http', algorithm: 'round-robin', hashOn: { by: 'path' }, sticky: 'off' },
    servers: servers.map(({ name, port }): Upstream => ({ id: name, address, port, weight: 1, isDraining: false })),
    ...{ healthPath: '/ready', healthIntervalMs: 50, rise: 1, fall: 2, ejectAfter: 3, panicShare: 0, slowStartMs: 0 },
    ...{ inFlightPerServerMax: 1024, queueMax: 1024, queueTimeoutMs: 5000 },
    ...{ retriesMax: 3, timeoutMs: 5000, bodyBytesMax: 4 * 1024 * 1024 },
  }
  return { ...upstreams, ...over }
}

/** A balancer that listens and has checked its servers; everything is closed after the test. */
export async function openBench(
  t: TestContext,
  open: OpenBalancer,
  names: readonly string[],
  over: Partial<Upstreams> = {},
): Promise<Bench> {
  const servers = await Promise.all(names.map((name) => openUpstreamServer(name)))
  t.after(() => Promise.all(servers.map((server) => server.close())))
  const upstreams = upstreamsOf(servers, over)
  return { ...(await listening(t, open, upstreams)), servers, upstreams }
}

export async function listening(t: TestContext, open: OpenBalancer, upstreams: Upstreams) {
  const balancer = await open(upstreams)
  t.after(() => balancer.close(0))
  await balancer.listen({ address, port: 0 })
  await waitUntil(() => balancer.isReady(), { what: 'the first health checks', timeoutMs: limitMs })
  return { balancer, port: balancer.addresses()[0]?.port ?? 0 }
}

export function ask(
  port: number,
  path: string,
  { body, ...options }: RequestOptions & { body?: string | Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: address, port, path, agent: false, timeout: limitMs, ...options }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, body: Buffer.concat(pieces).toString('latin1') })
      })
    })
    call.on('timeout', () => call.destroy(new Error(`no answer to ${path} within ${limitMs} ms`)))
    call.on('error', reject)
    call.end(body)
  })
}

export async function echo(port: number, options: Parameters<typeof ask>[2] = {}): Promise<Echo> {
  const { body } = await ask(port, '/echo', options)
  return JSON.parse(body) as Echo
}

/** Writes bytes and collects what comes back until the connection ends or `enough` is content. */
export async function askRaw(port: number, bytes: string | Buffer, enough = (_text: string) => false): Promise<string> {
  const socket = await rawSocket(port)
  let text = ''
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  await new Promise<void>((resolve) => {
    const giveUp = setTimeout(resolve, limitMs)
    const done = () => {
      clearTimeout(giveUp)
      resolve()
    }
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (enough(text)) done()
    })
    socket.on('close', done)
  })
  socket.destroy()
  return text
}

/** Resolves when nobody listens there any more. */
export async function refusesConnections(port: number): Promise<void> {
  const isRefused = async () => {
    const socket = connect(port, address)
    const [event] = await Promise.race([
      once(socket, 'connect').then(() => ['connect']),
      once(socket, 'close').then(() => ['close']),
    ]).catch(() => ['refused'])
    socket.destroy()
    return event === 'refused'
  }
  await waitUntil(isRefused, { what: `the end of listening on ${port}`, timeoutMs: limitMs })
}

export async function rawSocket(port: number): Promise<Socket> {
  const socket = connect(port, address)
  socket.on('error', () => socket.destroy())
  await once(socket, 'connect')
  return socket
}

export interface ServerProcess {
  name: string
  port: number
  child: ChildProcess
  /** Ends it by the signal and resolves with its exit code. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null>
}

/** A server as a process of its own; on `port` when it takes the place of one that died. */
export async function startServerProcess(t: TestContext, name: string, port = 0): Promise<ServerProcess> {
  const script = fileURLToPath(new URL('upstream-server.ts', import.meta.url))
  const child = spawn(process.execPath, [script, name, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const [line] = (await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data')) as [Buffer]
  return {
    ...{ name, port: Number(line.toString()), child },
    async end(signal) {
      child.kill(signal)
      const [code] = (await withTimeout(exited, limitMs, `the end of ${name}`)) as [number | null]
      return code
    },
  }
}

export interface Load {
  answered(): number
  failures: string[]
  stop(): Promise<void>
}

/** Clients on kept connections that ask again as soon as they are answered, each thing of `mix` in turn. */
export function startLoad(port: number, mix: ReadonlyArray<{ path: string; method?: string; body?: string }>): Load {
  const clients = 6
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const failures: string[] = []
  let answered = 0
  let isStopping = false
  const client = async (turn: number) => {
    for (let i = turn; !isStopping; i++) {
      const { path, ...what } = mix[i % mix.length] as (typeof mix)[number]
      try {
        const { status, body } = await ask(port, path, { agent, ...what })
        if (status !== 200) failures.push(`${path}: ${status} ${body}`)
        answered++
      } catch (error) {
        failures.push(`${path}: ${String(error)}`)
      }
    }
  }
  const running = Array.from({ length: clients }, (_, turn) => client(turn))
  return {
    answered: () => answered,
    failures,
    async stop() {
      isStopping = true
      await Promise.all(running)
      agent.destroy()
    },
  }
}

/** A port on which nobody listens: it was free a moment ago. */
export async function unusedPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
