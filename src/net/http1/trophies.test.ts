// What others were found to misread, number by number: refused, or passed on as what the client meant.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readStrictly } from '../../tiers/balancer/testing/strict-reader.ts'
import { refusals } from './refusals.ts'
import { askOnce, okAnswer, openClient, openFront, openRawServer } from './testing/front.ts'
import { refusedTrophies, soundTrophies, trophyNumbers } from './testing/trophies.ts'

test('every number of the list is spoken of', () => {
  const spoken = new Set([...Object.values(refusedTrophies), ...Object.values(soundTrophies)].flatMap(({ of }) => of))
  assert.deepEqual(
    trophyNumbers.filter((number) => !spoken.has(number)),
    [],
  )
})

test(`each of ${Object.keys(refusedTrophies).length} requests that others misread is refused, and no server hears of it`, async (t) => {
  const server = await openRawServer(t, () => undefined)
  const { port } = await openFront(t, server.port)
  for (const [what, { bytes, why, of }] of Object.entries(refusedTrophies)) {
    const answer = await askOnce(t, port, `${bytes}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.match(
      answer,
      new RegExp(`^HTTP/1\\.1 ${refusals[why].status} .*${refusals[why].message}`, 's'),
      `${of}: ${what}`,
    )
    assert.match(answer, /\r\nconnection: close\r\n/, what)
    assert.equal(answer.match(/HTTP\/1\.1 \d{3} /g)?.length, 1, `${of}: ${what}: a second answer`)
  }
  assert.equal(server.accepted(), 0)
})

test(`each of ${Object.keys(soundTrophies).length} sound requests that others misread reaches a server as what it is`, async (t) => {
  const server = await openRawServer(t, (socket, text) => {
    if (readStrictly(text).messages === 0) return undefined
    socket.write(okAnswer)
    return true
  })
  const { port } = await openFront(t, server.port, { upstream: { connectionsMax: 1 } })
  for (const [what, { bytes, bodies, holds }] of Object.entries(soundTrophies)) {
    const before = server.streams.map((stream) => stream.length)
    const client = await openClient(t, port)
    client.send(bytes)
    await client.until((text) => (text.match(/\r\n\r\nok/g)?.length ?? 0) === bodies.length)
    client.socket.destroy()
    const seen = server.streams.map((stream, i) => stream.slice(before[i] ?? 0)).join('')
    assert.deepEqual(readStrictly(seen), { messages: bodies.length, problems: [] }, `${what}:\n${seen}`)
    assert.deepEqual(bodiesOf(seen), bodies, what)
    if (holds) assert.match(seen, holds, what)
  }
})

/** Of messages that a strict reader takes. */
function bodiesOf(stream: string): string[] {
  const bodies: string[] = []
  for (let rest = stream; rest !== ''; ) {
    const start = rest.indexOf('\r\n\r\n') + 4
    const head = rest.slice(0, start)
    let length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
    let body = rest.slice(start, start + length)
    if (/\r\ntransfer-encoding/i.test(head)) {
      const [size = '', digits = '0'] = /^([0-9a-f]+)\r\n/i.exec(rest.slice(start)) ?? []
      const bytes = Number.parseInt(digits, 16)
      body = rest.slice(start + size.length, start + size.length + bytes)
      // One chunk at most, and the last one.
      length = (bytes > 0 ? size.length + bytes + 2 : 0) + 5
    }
    bodies.push(body)
    rest = rest.slice(start + length)
  }
  return bodies
}
