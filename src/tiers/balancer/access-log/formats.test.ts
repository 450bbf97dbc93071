// The lines of the access log: what tools expect, and what no client can do to them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LogEntry } from './entry.ts'
import { accessLogFormats, lineOf } from './formats.ts'

const entry: LogEntry = {
  ...{
    atMs: Date.UTC(2000, 9, 10, 13, 55, 36),
    client: '192.0.2.1',
    method: 'GET',
    path: '/a?b=c',
    protocol: 'HTTP/1.1',
  },
  ...{ host: 'example.test', referer: 'http://example.test/', userAgent: 'Mozilla/4.08 [en]', status: 200 },
  ...{ bodyBytes: 2326, durationMs: 1.23456, requestId: 'r1', server: 'us-east/web-1', attempts: 1, cache: '' },
}

test('common and combined are those of Apache', () => {
  const common = '192.0.2.1 - - [10/Oct/2000:13:55:36 +0000] "GET /a?b=c HTTP/1.1" 200 2326'
  assert.equal(lineOf(entry, 'common'), `${common}\n`)
  assert.equal(lineOf(entry, 'combined'), `${common} "http://example.test/" "Mozilla/4.08 [en]"\n`)
  const without = { ...entry, bodyBytes: 0, referer: '', userAgent: '' }
  assert.match(lineOf(without, 'combined'), / 200 - "-" "-"\n$/)
})

test('json says everything, in one object a line', () => {
  assert.deepEqual(JSON.parse(lineOf(entry, 'json')), {
    ...{ time: '2000-10-10T13:55:36.000Z', client: '192.0.2.1', method: 'GET', path: '/a?b=c', protocol: 'HTTP/1.1' },
    ...{ host: 'example.test', referer: 'http://example.test/', userAgent: 'Mozilla/4.08 [en]', status: 200 },
    ...{ bodyBytes: 2326, durationMs: 1.235, requestId: 'r1', server: 'us-east/web-1', attempts: 1, cache: '' },
  })
})

test('what a client sends can neither end a line nor leave its field', () => {
  const forged = '" 200 0\n6.6.6.6 - - [x] "GET /forged HTTP/1.1" 200 1 "-" "\\'
  const bytes = fc.oneof(
    fc.constant(forged),
    fc.string({ unit: 'binary', maxLength: 30 }).map((text) => Buffer.from(text).toString('latin1')),
  )
  fc.assert(
    fc.property(bytes, bytes, bytes, (path, referer, userAgent) => {
      const wild = { ...entry, path: `/${path}`, referer, userAgent }
      for (const format of accessLogFormats) {
        const line = lineOf(wild, format)
        assert.equal(line.indexOf('\n'), line.length - 1, format)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        assert.doesNotMatch(line.slice(0, -1), /[\x00-\x1f\x7f-\x9f]/, format)
      }
      const fields =
        /^(\S+) - - \[[^\]]+\] "(?:[^"\\]|\\x[0-9A-F]{2})*" \d+ (\d+|-) "(?:[^"\\]|\\x[0-9A-F]{2})*" "(?:[^"\\]|\\x[0-9A-F]{2})*"\n$/
      assert.match(lineOf(wild, 'combined'), fields)
      assert.equal(JSON.parse(lineOf(wild, 'json')).path, `/${path}`)
    }),
  )
})
