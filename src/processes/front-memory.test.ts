// Many thousands of malformed requests of every class, from as many addresses, at a real front process with edge and balancer:
// it keeps nothing of them. What it weighs is asked of the process itself, after its garbage is gone.

import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { waitUntil } from '../base/limits.ts'
import { chunked, malformedChunks, malformedHeads } from '../net/http1/testing/malformed.ts'
import { refusedTrophies } from '../net/http1/testing/trophies.ts'
import { ask } from '../tiers/balancer/testing/bench.ts'
import { DoorClient } from './door/client.ts'
import { frontId, openFrontSystem, startFront } from './testing/front-system.ts'
import type { Order, Weight } from './testing/weigh.ts'

const limitMs = 30_000
const clients = 24
/** After each of them the front is weighed; the lightest of three counts, since noise only adds. */
const batch = 2000
const batchesPerWindow = 3
const requestsPerWindow = batch * batchesPerWindow
/** Code is compiled, and pools grow, in the first ones. */
const windowsMin = 3
const windowsMax = 8
/** Of a growth per request: one slot of an array, less than the smallest thing that could be kept of each. */
const keptBytesMax = 8

/** What is sent at once, and what follows when that may have gone on to a server. */
const corpus: ReadonlyArray<[first: string, then?: string]> = [
  ...Object.values(malformedHeads).map(([bytes]): [string] => [bytes]),
  ...Object.values(refusedTrophies).map(({ bytes }): [string] => [bytes]),
  ...Object.values(malformedChunks).map(([bytes]): [string] => [chunked(bytes)]),
  ...Object.values(malformedChunks).map(([bytes]): [string, string] => [chunked('5\r\n12345\r\n'), bytes]),
]

test('of malformed requests of every class nothing is kept', async (t) => {
  const system = await openFrontSystem(t, { rung: 6, edge: { enabled: true, diskBytesMax: 0 } })
  const weighing = new URL('testing/weigh.ts', import.meta.url).href
  const front = startFront(system, { args: ['--expose-gc', '--import', weighing], hasMessages: true })
  const { port } = system.bound.address()
  const door = new DoorClient(system.home, frontId)
  await waitUntil(async () => (await door.state()).isReady, { what: 'the front', timeoutMs: limitMs })

  let sent = 0
  const answers = new Map<string, number>()
  const sendBatch = async () => {
    const end = sent + batch
    const client = async () => {
      while (sent < end) {
        const answer = await sendMalformed(port, sent++)
        answers.set(answer, (answers.get(answer) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: clients }, client))
  }
  const weighWindow = async (): Promise<Weight> => {
    const weights: Weight[] = []
    for (let i = 0; i < batchesPerWindow; i++) {
      await sendBatch()
      weights.push(await tell(front, 'weigh'))
    }
    const lightest = (of: keyof Weight) => Math.min(...weights.map((weight) => weight[of]))
    return {
      heapBytes: lightest('heapBytes'),
      outsideBytes: lightest('outsideBytes'),
      rssBytes: lightest('rssBytes'),
    }
  }

  const grown: number[] = []
  let [before, after] = [await weighWindow(), await weighWindow()]
  grown.push(keptOfEach(before, after))
  for (let windows = 2; windows < windowsMax; windows++) {
    if (windows >= windowsMin && isFlat(grown)) break
    ;[before, after] = [after, await weighWindow()]
    grown.push(keptOfEach(before, after))
  }
  const text = `bytes kept of each request, window by window of ${requestsPerWindow}: ${grown.map((bytes) => bytes.toFixed(1)).join(', ')}`
  t.diagnostic(`${text}; ${Math.round(after.rssBytes / 2 ** 20)} MB in all`)
  assert.ok(isFlat(grown), text)

  // Each was refused, and some of them while a server had their beginning.
  assert.deepEqual([...answers.keys()].sort(), ['400', '417', '501', '505'])
  assert.deepEqual([...new Set(system.a.asked)], ['/echo'], 'bodies are cut under a server, and nothing is smuggled')
  assert.equal((await ask(port, '/bytes/1')).status, 200)
  await waitUntil(async () => (await door.state()).inFlight === 0, { what: 'nothing in flight', timeoutMs: limitMs })
  assert.equal(front.exitCode, null)

  await tell(front, 'leak')
  const leaking = keptOfEach(after, await weighWindow())
  t.diagnostic(`and with a planted leak: ${leaking.toFixed(1)}`)
  assert.ok(!isFlat([leaking]), `what keeps a little of each request is not seen: ${leaking} bytes of each`)
})

/** The newest window counts. */
function isFlat(grown: readonly number[]): boolean {
  return (grown.at(-1) ?? Number.POSITIVE_INFINITY) < keptBytesMax
}

function keptOfEach(before: Weight, after: Weight): number {
  const bytes = after.heapBytes + after.outsideBytes - before.heapBytes - before.outsideBytes
  return bytes / requestsPerWindow
}

async function tell(front: ChildProcess, order: Order): Promise<Weight> {
  const told = once(front, 'message')
  front.send(order)
  return ((await told) as [Weight])[0]
}

/** The status of the answer; empty when there was none. */
async function sendMalformed(port: number, index: number): Promise<string> {
  const [first, then] = corpus[index % corpus.length] as (typeof corpus)[number]
  // An address of its own for each, where loopback has them: what is counted for each address must be given back too.
  const localAddress = `127.${1 + ((index >> 16) & 127)}.${(index >> 8) & 255}.${index & 255}`
  const socket = connect({ host: '127.0.0.1', port, ...(process.platform === 'linux' ? { localAddress } : {}) })
  let text = ''
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  socket.on('end', () => socket.destroy())
  socket.setTimeout(limitMs, () => socket.destroy())
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  socket.write(Buffer.from(first, 'latin1'))
  const rest = Buffer.from(`${then ?? ''}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`, 'latin1')
  if (then === undefined) socket.write(rest)
  else setTimeout(() => socket.write(rest), 5)
  await closed
  return text.slice(9, 12)
}
