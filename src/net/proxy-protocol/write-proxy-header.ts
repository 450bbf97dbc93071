// The PROXY header of version 2, for connections that are passed on byte by byte: it tells a server who the client is.

import { isIPv4 } from 'node:net'
import { proxySignature } from './proxy-header.ts'

const versionAndProxy = 0x21
const versionAndLocal = 0x20

export interface Endpoint {
  address: string
  port: number
}

/**
 * Addresses of one family, as they come from one socket; IPv4 in the clothes of IPv6 counts as IPv4. Where they are none, the
 * header says that nothing is known.
 */
export function proxyHeader({ source, destination }: { source: Endpoint; destination: Endpoint }): Buffer {
  const [from, to] = [bytesOf(source.address), bytesOf(destination.address)]
  if (from === undefined || to === undefined || from.length !== to.length) return headerOf(versionAndLocal, 0, [])
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(source.port, 0)
  ports.writeUInt16BE(destination.port, 2)
  return headerOf(versionAndProxy, from.length === 4 ? 0x11 : 0x21, [from, to, ports])
}

function headerOf(command: number, family: number, parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([proxySignature, Buffer.from([command, family, body.length >> 8, body.length & 255]), body])
}

function bytesOf(address: string): Buffer | undefined {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (isIPv4(plain)) return Buffer.from(plain.split('.').map(Number))
  return bytesOfIPv6(plain)
}

function bytesOfIPv6(text: string): Buffer | undefined {
  if (!URL.canParse(`http://[${text}]/`)) return undefined
  const [head = '', tail] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split('::')
  const groupsOf = (part: string | undefined) =>
    part ? part.split(':').map((group) => Number.parseInt(group, 16)) : []
  const [before, after] = [groupsOf(head), groupsOf(tail)]
  const groups = [...before, ...Array(8 - before.length - after.length).fill(0), ...after]
  const bytes = Buffer.alloc(16)
  for (const [i, group] of groups.entries()) bytes.writeUInt16BE(group, 2 * i)
  return bytes
}
