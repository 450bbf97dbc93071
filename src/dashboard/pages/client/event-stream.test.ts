// The parser of server-sent events against the format's corners, in any pieces that a network makes of them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EventParser, type StreamEvent } from './event-stream.ts'

const stream = [
  ': a comment\n\n',
  'event: status\ndata: {"version":1}\n\n',
  'data: no name\n\n',
  'event: event\r\ndata: first\r\ndata:second\r\n\r\n',
  'event: nothing\n\n',
  'id: 7\nretry: 10\nevent: progress\ndata: null\n\n',
].join('')

const events: StreamEvent[] = [
  { name: 'status', data: '{"version":1}' },
  { name: 'message', data: 'no name' },
  { name: 'event', data: 'first\nsecond' },
  { name: 'progress', data: 'null' },
]

test('events are read whole, comments and events without data are passed over', () => {
  assert.deepEqual(new EventParser().push(stream), events)
})

test('an event that is cut anywhere is the same event', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (cuts) => {
      const parser = new EventParser()
      const edges = [0, ...cuts.sort((a, b) => a - b), stream.length]
      const read = edges.flatMap((edge, index) => parser.push(stream.slice(edge, edges[index + 1] ?? stream.length)))
      assert.deepEqual(read, events)
    }),
  )
})

test('an event that has not ended is kept back', () => {
  const parser = new EventParser()
  assert.deepEqual(parser.push('event: status\ndata: 1\n'), [])
  assert.deepEqual(parser.push('\n'), [{ name: 'status', data: '1' }])
})
