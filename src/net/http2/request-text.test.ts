// Requests of HTTP/2 as heads of HTTP/1.1: what is sound means the same afterwards, and nothing else is written.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from '../http1/byte-writer.ts'
import { defaultServerLimits } from '../http1/limits.ts'
import { refusals } from '../http1/refusals.ts'
import { RequestHead } from '../http1/request-head.ts'
import { writeRequestText } from './request-text.ts'

const pseudo = { ':method': 'GET', ':scheme': 'https', ':path': '/', ':authority': 'a' }
const raw = (fields: Record<string, string>) => Object.entries(fields).flat()

function read(fields: string[], hasBody = false) {
  const out = new ByteWriter(64)
  const refusal = writeRequestText(out, fields, { hasBody })
  if (refusal !== undefined) return refusal
  const head = new RequestHead(defaultServerLimits)
  const end = head.read(out.view(), 0, out.size)
  if (head.refusal !== undefined) return head.refusal
  assert.ok(head.isDone && end === out.size, 'the head is not all that was written')
  return head.understand() ?? head
}

test('what does not belong into HTTP/2, or would split the message, is refused', () => {
  const cases: Array<[Record<string, string>, keyof typeof refusals]> = [
    [{ ':scheme': 'https', ':path': '/', ':authority': 'a' }, 'pseudoField'],
    [{ ':method': 'GET', ':scheme': 'https', ':authority': 'a' }, 'pseudoField'],
    [{ ...pseudo, ':scheme': 'ftp' }, 'pseudoField'],
    [{ ...pseudo, ':path': '' }, 'pseudoField'],
    [{ ...pseudo, ':other': 'x' }, 'pseudoField'],
    [{ ...pseudo, ':path': '/ HTTP/1.1\r\nX: y' }, 'pseudoField'],
    [{ ...pseudo, ':method': 'GET / HTTP/1.1\r\nX: y\r\n\r\nGET' }, 'pseudoField'],
    [{ ...pseudo, ':authority': 'a\nX: y' }, 'pseudoField'],
    [{ ...pseudo, ':method': 'GET /a' }, 'version'],
    [{ ...pseudo, ':path': '/a b' }, 'version'],
    [{ ...pseudo, ':path': '/\u00ff' }, 'target'],
    [{ ...pseudo, ':path': '*' }, 'targetForm'],
    [{ ...pseudo, ':path': 'http://b/' }, 'pseudoField'],
    [{ ...pseudo, ':authority': 'a/b' }, 'host'],
    [{ ...pseudo, ':authority': 'u@a' }, 'host'],
    [{ ...pseudo, ':method': 'CONNECT' }, 'methodNotServed'],
    [{ ...pseudo, ':method': 'TRACE' }, 'methodNotServed'],
    [{ ...pseudo, host: 'b' }, 'hostCount'],
    [{ ...pseudo, X: 'y' }, 'fieldName'],
    [{ ...pseudo, '': 'z' }, 'fieldName'],
    [{ ...pseudo, 'x y': 'z' }, 'fieldName'],
    [{ ...pseudo, 'x:y': 'z' }, 'fieldName'],
    [{ ...pseudo, 'x\r\ny': 'z' }, 'fieldName'],
    [{ ...pseudo, x: 'y\r\ntransfer-encoding: chunked' }, 'fieldValue'],
    [{ ...pseudo, x: 'y\r\n\r\nGET / HTTP/1.1' }, 'fieldValue'],
    [{ ...pseudo, x: 'y\0' }, 'fieldValue'],
    [{ ...pseudo, x: 'y\u0001' }, 'fieldValue'],
    [{ ...pseudo, x: '\u010a' }, 'fieldValue'],
    [{ ...pseudo, x: ' y' }, 'fieldValue'],
    [{ ...pseudo, x: 'y\t' }, 'fieldValue'],
    [{ ...pseudo, ':authority': ' a' }, 'pseudoField'],
    [{ ...pseudo, connection: 'close' }, 'connectionField'],
    [{ ...pseudo, 'transfer-encoding': 'chunked' }, 'connectionField'],
    [{ ...pseudo, upgrade: 'websocket' }, 'connectionField'],
    [{ ...pseudo, te: 'gzip' }, 'connectionField'],
    [{ ...pseudo, 'content-length': '+5' }, 'contentLength'],
  ]
  for (const [fields, why] of cases) assert.equal(read(raw(fields)), refusals[why], JSON.stringify(fields))
  assert.equal(read([...raw(pseudo), 'content-length', '5', 'content-length', '5'], true), refusals.contentLengthCount)
  assert.equal(read([...raw(pseudo), ':path', '/']), refusals.pseudoField)
  assert.equal(read([...raw(pseudo), 'x', 'y', ':path', '/']), refusals.fieldName)
  assert.equal(read([':path', '/', ...raw(pseudo)]), refusals.pseudoField)
  assert.equal(read([...raw(pseudo), 'host', 'a', 'host', 'a']), refusals.hostCount)
})

test('the body is framed by its length where that is told, else in chunks', () => {
  const chunked = read(raw({ ...pseudo, ':method': 'POST' }), true)
  assert.ok(chunked instanceof RequestHead && chunked.framing.bodyKind === 'chunked')
  const length = read(raw({ ...pseudo, ':method': 'POST', 'content-length': '7' }), true)
  assert.ok(length instanceof RequestHead && length.framing.contentLength === 7)
  const none = read(raw(pseudo))
  assert.ok(none instanceof RequestHead && !none.hasBody)
})

test('whatever fields come, they are refused, or the head has exactly them', () => {
  const latin1 = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    maxLength: 12,
  })
  const token = fc.string({ unit: fc.constantFrom(...'abcxyz-_0'), minLength: 1, maxLength: 8 })
  const nasty = fc.constantFrom('\r\n', '\n', '\r', ': ', ' ', 'host', '\0', 'a\r\n\r\nGET / HTTP/1.1\r\n')
  const value = fc.oneof(
    latin1,
    token,
    fc.tuple(token, nasty, token).map((parts) => parts.join('')),
  )
  const name = fc.oneof({ arbitrary: token, weight: 4 }, { arbitrary: value, weight: 1 })
  let taken = 0
  fc.assert(
    fc.property(
      value,
      value,
      fc.array(fc.tuple(name, value), { maxLength: 6 }),
      fc.boolean(),
      (path, authority, fields, hasBody) => {
        const at = { ...pseudo, ':path': `/${path}`, ...(authority !== '' && { ':authority': authority }) }
        const head = read([...raw(at), ...fields.flat()], hasBody)
        if (!(head instanceof RequestHead)) return
        taken++
        const own = new Set(['host', 'transfer-encoding', 'cookie'])
        const plain = (entries: Array<readonly [string, string]>) => entries.filter(([key]) => !own.has(key))
        assert.deepEqual(plain(head.entries()), plain(fields))
        assert.equal(head.path, `/${path}`)
        assert.equal(head.host, authority === '' ? 'a' : authority)
      },
    ),
    { numRuns: 3000 },
  )
  assert.ok(taken > 100, `${taken} were taken`)
})
