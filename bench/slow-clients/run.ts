// Two promises of the front: clients that are slow on purpose do not slow the others down, and idle connections cost little.
//
// 2,000 slow clients, a third each that send a head byte by byte, send a body byte by byte, and do not read their answers,
// come back as soon as they are thrown out; beside them 16 polite clients ask every 10 ms, in rounds with and without the
// slow ones, in turns. Before that 10,000 idle connections of HTTP/1.1, and some of TLS and of HTTP/2, are opened and weighed.
// Run: node -C source bench/slow-clients/run.ts [--slow 2000] [--rounds 3] [--seconds 4] [--idle 10000] [--idle-tls 2500]

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { parseArgs } from 'node:util'

const address = '127.0.0.1'
const { values } = parseArgs({
  options: {
    slow: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    idle: { type: 'string', default: '10000' },
    'idle-tls': { type: 'string', default: '2500' },
  },
})

interface Weight {
  rss: number
  connections: number
  timeouts: number
}

const directory = await mkdtemp(join(tmpdir(), 'tenfold-slow-clients-'))
const front = fork(join(import.meta.dirname, 'app.ts'), [directory], { execArgv: ['-C', 'source', '--expose-gc'] })
try {
  const [ports] = (await once(front, 'message')) as [{ plain: number; secure: number }]
  await weighIdle(front, ports)
  await compareLatency(front, ports.plain)
} finally {
  front.disconnect()
  await once(front, 'exit')
  await rm(directory, { recursive: true, force: true })
}

async function compareLatency(process: ChildProcess, port: number): Promise<void> {
  const [alone, beside]: [number[], number[]] = [[], []]
  await measure(port, 1)
  for (let round = 0; round < Number(values.rounds); round++) {
    alone.push(await measure(port, Number(values.seconds)))
    const slow = startSlow(port, Number(values.slow))
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const { connections } = await weigh(process)
    beside.push(await measure(port, Number(values.seconds)))
    console.log(
      `round ${round + 1}: p99 alone ${ms(alone.at(-1))}, beside ${connections} connections ${ms(beside.at(-1))}`,
    )
    slow.stop()
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
  const ratio = median(beside) / median(alone)
  console.log(
    `p99 of others: alone ${ms(median(alone))}, beside slow clients ${ms(median(beside))}: ${ratio.toFixed(2)} times`,
  )
  console.log(ratio <= 2 ? 'within 2 times' : 'NOT within 2 times')
}

/** The 99th percentile in milliseconds. */
async function measure(port: number, seconds: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const took: number[] = []
  const end = performance.now() + seconds * 1000
  const client = async () => {
    while (performance.now() < end) {
      const began = performance.now()
      await ask(port, agent)
      took.push(performance.now() - began)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  await Promise.all(Array.from({ length: 16 }, client))
  agent.destroy()
  return took.sort((a, b) => a - b)[Math.floor(took.length * 0.99)] as number
}

function ask(port: number, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ host: address, port, agent }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`))
      response.resume()
      response.on('end', resolve)
    }).on('error', reject)
  })
}

function startSlow(port: number, clients: number): { stop(): void } {
  const sockets = new Set<Socket>()
  let isStopped = false
  const begins = [
    'GET / HTTP/1.1\r\nHost: a\r\nX-',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n',
    'GET /large HTTP/1.1\r\nHost: a\r\n\r\n',
  ]
  const open = (kind: number): void => {
    if (isStopped) return
    const socket = connect(port, address)
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      sockets.delete(socket)
      setTimeout(() => open(kind), 100)
    })
    if (kind === 2) socket.pause()
    else socket.resume()
    socket.write(begins[kind] as string)
  }
  for (let i = 0; i < clients; i++) open(i % begins.length)
  // A byte from each every two seconds; a few at a time, so that this process measures the front and not itself.
  let turn = 0
  const drip = setInterval(() => {
    const all = [...sockets]
    turn = (turn + 1) % 100
    for (let i = turn; i < all.length; i += 100) if (!all[i]?.isPaused() && all[i]?.writable) all[i]?.write('x')
  }, 20)
  return {
    stop() {
      isStopped = true
      clearInterval(drip)
      for (const socket of sockets) socket.destroy()
    },
  }
}

async function weighIdle(process: ChildProcess, { plain, secure }: { plain: number; secure: number }): Promise<void> {
  const [many, some] = [Number(values.idle), Number(values['idle-tls'])]
  await weighSome(process, 'HTTP/1.1', many, async () => openPlain(plain))
  await weighSome(process, 'HTTP/1.1 over TLS', some, async () => openTls(secure, 'http/1.1'))
  await weighSome(process, 'HTTP/2 over TLS', some, async () => openTls(secure, 'h2'))
}

async function weighSome(
  process: ChildProcess,
  what: string,
  clients: number,
  open: () => Promise<Socket>,
): Promise<void> {
  const before = await weigh(process)
  const sockets: Socket[] = []
  for (let i = 0; i < clients; i += 50) sockets.push(...(await Promise.all(Array.from({ length: 50 }, open))))
  await new Promise((resolve) => setTimeout(resolve, 500))
  const after = await weigh(process)
  const bytes = after.rss - before.rss
  const opened = after.connections - before.connections
  const each = bytes / opened / 1024
  const ofTenThousand = Math.round((each * 10_000) / 1024)
  console.log(
    `${opened} idle connections of ${what}: ${Math.round(bytes / 2 ** 20)} MB, ${each.toFixed(1)} KB each; 10,000: ${ofTenThousand} MB`,
  )
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 1000))
}

/** One request first: a connection that has never been used weighs less. */
async function openPlain(port: number): Promise<Socket> {
  const socket = connect(port, address)
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(socket, 'data')
  return socket.on('error', () => {})
}

async function openTls(port: number, protocol: 'h2' | 'http/1.1'): Promise<Socket> {
  const socket = connectTls({ host: address, port, rejectUnauthorized: false, ALPNProtocols: [protocol] })
  await once(socket, 'secureConnect')
  const preface = Buffer.from('505249202a20485454502f322e300d0a0d0a534d0d0a0d0a000000040000000000', 'hex')
  // HEADERS with :method GET, :scheme https and :path / of the static table, and `:authority: a`.
  const request = Buffer.from('000006010500000001828784410161', 'hex')
  socket.write(protocol === 'h2' ? Buffer.concat([preface, request]) : 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(socket, 'data')
  socket.resume()
  return socket.on('error', () => {})
}

async function weigh(process: ChildProcess): Promise<Weight> {
  process.send('weigh')
  const [weight] = (await once(process, 'message')) as [Weight]
  return weight
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number
}

function ms(value = 0): string {
  return `${value.toFixed(1)} ms`
}
