// Clients that make work and leave, or send what costs them nothing: the connection ends, and nothing of it is left. Also
// what nghttp2 lets pass and the guard does not, and frames of every kind bent at random.

import assert from 'node:assert/strict'
import { constants } from 'node:http2'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { waitUntil } from '../../base/limits.ts'
import { limitMs, okAnswer, openFront, openRawServer } from '../http1/testing/front.ts'
import { ask, frame, hpack, kinds, opening, openRawSession, openSession, plainRequest } from './testing/client.ts'

const listen = { servesPlainHttp2: true }
const endHeaders = 4
const endStream = 1
const calm = constants.NGHTTP2_ENHANCE_YOUR_CALM

async function open(t: TestContext) {
  const server = await openRawServer(t, (socket, text) => {
    if (!text.endsWith('\r\n\r\n') && !text.endsWith('0\r\n\r\n')) return undefined
    if (!text.includes('/hang')) socket.write(okAnswer)
    return true
  })
  const front = await openFront(t, server.port, { listen })
  return { server, front, raw: await openRawSession(t, front.port) }
}

test('requests that are given up again and again end the connection (rapid reset)', async (t) => {
  const { front, raw, server } = await open(t)
  raw.send(opening)
  const hanging = hpack([
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/hang'],
    [':authority', 'a'],
  ])
  for (let i = 0; i < 1000 && !raw.isClosed(); i++) {
    const stream = 2 * i + 1
    raw.send(frame(kinds.headers, endHeaders | endStream, stream, hanging), frame(kinds.rst, 0, stream, '\0\0\0\x08'))
    if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await raw.closedWith()
  assert.ok(front.counts.get('requests') < 500, `${front.counts.get('requests')} requests were begun`)
  await waitUntil(() => front.inHand() === 0 && server.sockets.size === 0, { what: 'all let go', timeoutMs: limitMs })
})

const empty: Record<string, (i: number) => Buffer> = {
  PING: () => frame(kinds.ping, 0, 0, '12345678'),
  'PING answers that nobody asked for': () => frame(kinds.ping, 1, 0, '12345678'),
  SETTINGS: () => frame(kinds.settings, 0, 0),
  PRIORITY: (i) => frame(kinds.priority, 0, 2 * i + 3, '\0\0\0\0\x01'),
}

for (const [what, make] of Object.entries(empty))
  test(`a flood of ${what} ends the connection, calmly`, async (t) => {
    const { front, raw } = await open(t)
    raw.send(opening)
    raw.send(...Array.from({ length: 150 }, (_, i) => make(i)))
    assert.equal(await raw.closedWith(), calm)
    assert.equal(front.counts.get('floods'), 1)
  })

test('empty DATA without an end, and a field section in many pieces, are floods too', async (t) => {
  const { raw, front } = await open(t)
  raw.send(opening, frame(kinds.headers, endHeaders, 1, plainRequest))
  raw.send(...Array.from({ length: 150 }, () => frame(kinds.data, 0, 1)))
  assert.equal(await raw.closedWith(), calm)
  const other = await openRawSession(t, front.port)
  other.send(opening, frame(kinds.headers, endStream, 1, plainRequest))
  other.send(...Array.from({ length: 50 }, (_, i) => frame(kinds.continuation, 0, 1, hpack([[`x${i}`, 'y']]))))
  assert.equal(await other.closedWith(), calm)
})

test('frames on streams that the client has ended, or skipped, end the connection', async (t) => {
  const request = (stream: number, flags = endHeaders | endStream) => frame(kinds.headers, flags, stream, plainRequest)
  const ways: Record<string, Buffer[]> = {
    'DATA behind the end': [request(1), frame(kinds.data, endStream, 1, 'x')],
    'HEADERS behind the end': [request(1), request(1)],
    'DATA behind RST_STREAM': [
      request(1, endHeaders),
      frame(kinds.rst, 0, 1, '\0\0\0\x08'),
      frame(kinds.data, 0, 1, 'x'),
    ],
    'a stream that was skipped': [request(5), request(3)],
  }
  const { front } = await open(t)
  for (const [what, frames] of Object.entries(ways)) {
    const raw = await openRawSession(t, front.port)
    raw.send(opening, ...frames)
    assert.equal(await raw.closedWith(), constants.NGHTTP2_STREAM_CLOSED, what)
  }
})

test('a body that is on its way when its request was answered is no fault', async (t) => {
  const { front } = await open(t)
  const raw = await openRawSession(t, front.port)
  const tooLarge = hpack([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'a'],
    ['content-length', '99999999999'],
  ])
  raw.send(opening, frame(kinds.headers, endHeaders, 1, tooLarge), frame(kinds.data, 0, 1, 'x'.repeat(1000)))
  await raw.until('413 and the reset', (frames) =>
    frames.some(({ kind, stream }) => kind === kinds.rst && stream === 1),
  )
  raw.send(frame(kinds.data, 0, 1, 'x'.repeat(1000)), frame(kinds.headers, endHeaders | endStream, 3, plainRequest))
  await raw.until('the next answer', (frames) => frames.some(({ kind, stream }) => kind === kinds.data && stream === 3))
  raw.socket.destroy()
})

test('frames bent at random never harm others and leave nothing behind', async (t) => {
  const { front, raw: unused } = await open(t)
  unused.socket.destroy()
  const polite = await openSession(t, front.port)
  const sound = Buffer.concat([
    opening,
    frame(kinds.settings, 1, 0),
    frame(kinds.headers, endHeaders, 1, plainRequest),
    frame(kinds.data, 0, 1, 'hello'),
    frame(kinds.headers, endHeaders | endStream, 3, plainRequest),
    frame(kinds.data, endStream, 1, 'world'),
    frame(kinds.ping, 0, 0, '12345678'),
    frame(kinds.headers, endHeaders | endStream, 5, plainRequest),
    frame(kinds.rst, 0, 5, '\0\0\0\x08'),
  ])
  const bend = fc.tuple(fc.nat({ max: sound.length - 1 }), fc.nat({ max: 255 }))
  const bends = fc.sample(fc.tuple(fc.array(bend, { minLength: 1, maxLength: 4 }), fc.nat({ max: sound.length })), {
    numRuns: 200,
    seed: 7540,
  })
  for (const [places, cut] of bends) {
    const bytes = Buffer.from(sound)
    for (const [place, value] of places) bytes[place] = value
    const raw = await openRawSession(t, front.port)
    raw.send(bytes.subarray(0, cut))
    raw.send(bytes.subarray(cut))
    await new Promise((resolve) => setTimeout(resolve, 2))
    raw.socket.destroy()
  }
  assert.equal((await ask(polite, {})).status, 200)
  await waitUntil(() => front.server.connections === 1, { what: 'only the polite one', timeoutMs: limitMs })
})
