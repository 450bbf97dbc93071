// The PROXY header, read and written: the examples of the protocol, every way to be wrong, and whatever bytes come.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readProxyHeader } from './proxy-header.ts'
import { proxyHeader } from './write-proxy-header.ts'

const v1 = (line: string) => Buffer.from(line, 'latin1')
const sourceOf = (bytes: Buffer) => {
  const header = readProxyHeader(bytes)
  assert.ok(typeof header === 'object', `${header}`)
  return header.source && `${header.source.address} ${header.source.port}`
}

test('version 1 tells address and port, and what follows it is the client’s', () => {
  assert.equal(sourceOf(v1('PROXY TCP4 192.0.2.1 192.0.2.2 40000 443\r\nGET')), '192.0.2.1 40000')
  assert.equal(sourceOf(v1('PROXY TCP6 2001:db8::1 ::1 1 2\r\n')), '2001:db8::1 1')
  assert.equal(sourceOf(v1('PROXY UNKNOWN\r\n')), undefined)
  assert.equal(sourceOf(v1('PROXY UNKNOWN ffff:f 1 2 whatever\r\n')), undefined)
  const header = readProxyHeader(v1('PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\nrest'))
  assert.deepEqual(header, { bytes: 33, source: { address: '1.2.3.4', port: 9 }, isSecure: false })
})

test('what is no header is malformed, at the first byte that shows it', () => {
  const wrong = [
    ...['GET / HTTP/1.1\r\n', 'PROXX', 'proxy TCP4', 'PROXY TCP4\r\n', 'PROXY TCP4 1.2.3.4 5.6.7.8 9\r\n'],
    ...['PROXY TCP4 1.2.3.4 5.6.7.8 09 10\r\n', 'PROXY TCP4 1.2.3.4 5.6.7.8 9 65536\r\n'],
    ...['PROXY TCP4 ::1 ::1 9 10\r\n', 'PROXY TCP6 1.2.3.4 1.2.3.4 9 10\r\n', 'PROXY UDP4 1.2.3.4 5.6.7.8 9 10\r\n'],
    ...[
      'PROXY TCP4 1.2.3.4  5.6.7.8 9 10\r\n',
      'PROXY TCP4 1.2.3.4 5.6.7.8 9 10 \r\n',
      'PROXY TCP4 1.2.3.4 5.6.7.8 9 10 11\r\n',
    ],
    ...[`PROXY UNKNOWN ${'x'.repeat(100)}`, '\r\n\r\n\0\r\nQUIX\n', '\r\nGET / HTTP/1.1', '\x16\x03\x01'],
  ]
  for (const text of wrong) assert.equal(readProxyHeader(v1(text)), 'malformed', JSON.stringify(text))
})

test('version 2 with a version, a command or a length of its own is malformed', () => {
  const sound = proxyHeader({ source: { address: '1.2.3.4', port: 9 }, destination: { address: '5.6.7.8', port: 10 } })
  const changed = (place: number, value: number) => {
    const bytes = Buffer.from(sound)
    bytes[place] = value
    return readProxyHeader(bytes)
  }
  assert.equal(changed(12, 0x11), 'malformed')
  assert.equal(changed(12, 0x22), 'malformed')
  assert.equal(changed(14, 0xff), 'malformed')
  assert.equal(changed(15, 11), 'malformed')
  assert.deepEqual(changed(13, 0x31), { bytes: sound.length, source: undefined, isSecure: false })
  assert.deepEqual(changed(12, 0x20), { bytes: sound.length, source: undefined, isSecure: false })
})

test('the TLS extension of version 2 says how the client came', () => {
  const sound = proxyHeader({ source: { address: '1.2.3.4', port: 9 }, destination: { address: '5.6.7.8', port: 10 } })
  const withExtension = (client: number) => {
    const bytes = Buffer.concat([sound, Buffer.from([1, 0, 1, 65, 0x20, 0, 5, client, 0, 0, 0, 0])])
    bytes.writeUInt16BE(bytes.length - 16, 14)
    const header = readProxyHeader(bytes)
    return typeof header === 'object' && header.isSecure
  }
  assert.equal(withExtension(1), true)
  assert.equal(withExtension(0), false)
})

test('every prefix of a header asks for more', () => {
  const headers = [
    v1('PROXY TCP4 192.0.2.1 192.0.2.2 40000 443\r\n'),
    proxyHeader({ source: { address: '2001:db8::1', port: 9 }, destination: { address: '::1', port: 10 } }),
  ]
  for (const header of headers)
    for (let size = 0; size < header.length; size++) assert.equal(readProxyHeader(header.subarray(0, size)), 'more')
})

test('what is written is read back, and addresses of two families are told as unknown', () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6())
  const port = fc.integer({ min: 0, max: 65_535 })
  fc.assert(
    fc.property(address, port, address, port, (from, fromPort, to, toPort) => {
      const bytes = proxyHeader({
        source: { address: from, port: fromPort },
        destination: { address: to, port: toPort },
      })
      const found = sourceOf(Buffer.concat([bytes, Buffer.from('GET /')]))
      const plain = (text: string) => text.replace(/^::ffff:(?=\d+\.)/i, '')
      if (plain(from).includes(':') !== plain(to).includes(':')) assert.equal(found, undefined)
      else assert.equal(found, `${canonical(plain(from))} ${fromPort}`)
    }),
    { numRuns: 500 },
  )
})

test('whatever bytes come, the answer is one of three and never an error', () => {
  const sound = proxyHeader({ source: { address: '1.2.3.4', port: 9 }, destination: { address: '5.6.7.8', port: 10 } })
  const bent = fc
    .tuple(fc.nat({ max: sound.length - 1 }), fc.nat({ max: 255 }), fc.uint8Array({ maxLength: 40 }))
    .map(([place, value, rest]) => {
      const bytes = Buffer.concat([sound, rest])
      bytes[place] = value
      return bytes
    })
  fc.assert(
    fc.property(fc.oneof(bent, fc.uint8Array({ maxLength: 200 }).map(Buffer.from)), (bytes) => {
      const header = readProxyHeader(bytes)
      if (typeof header === 'object') assert.ok(header.bytes <= bytes.length && header.bytes >= 15)
    }),
    { numRuns: 2000 },
  )
})

function canonical(address: string): string {
  return address.includes(':') ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address
}
