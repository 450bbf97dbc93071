// Reads the header that a load balancer puts before the bytes of a client, to say who the client is: the PROXY protocol,
// versions 1 and 2 (haproxy.org, proxy-protocol.txt). Whoever may send it is believed; so it is asked for only where it is
// configured, and then demanded: a connection without it ends.
//
// Worked example: `PROXY TCP4 192.0.2.1 192.0.2.2 40000 443\r\n` says that 192.0.2.1 port 40000 called 192.0.2.2 port 443.

import { isIPv4, isIPv6 } from 'node:net'

export interface ProxyHeader {
  /** Of the header; what follows it is the client's. */
  bytes: number
  /** Undefined when the balancer speaks for itself, for a health check, or does not know. */
  source: { address: string; port: number } | undefined
  /** The client spoke TLS to the balancer. */
  isSecure: boolean
}

export const proxySignature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const fixedBytes = 16
/** The longest line of version 1, its end included. */
const lineBytesMax = 107
/** Of version 2 with its extensions; certificates of clients are not among them, so this is plenty. */
const headerBytesMax = 4 * 1024
const tlsExtension = 0x20

/** `more`: it is not whole yet. `malformed`: it is none. */
export function readProxyHeader(bytes: Buffer): ProxyHeader | 'more' | 'malformed' {
  const isVersion2 = bytes[0] === proxySignature[0]
  return isVersion2 ? readVersion2(bytes) : readVersion1(bytes)
}

function readVersion1(bytes: Buffer): ProxyHeader | 'more' | 'malformed' {
  const start = 'PROXY '
  const text = bytes.toString('latin1', 0, lineBytesMax)
  if (!text.startsWith(start.slice(0, text.length))) return 'malformed'
  const end = text.indexOf('\r\n')
  if (end < 0) return text.length < lineBytesMax ? 'more' : 'malformed'
  const header = { bytes: end + 2, source: undefined, isSecure: false }
  const words = text.slice(start.length, end).split(' ')
  if (words[0] === 'UNKNOWN') return header
  const [family, source = '', destination = '', sourcePort = '', destinationPort = '', ...rest] = words
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : () => false
  const isSound =
    rest.length === 0 && isAddress(source) && isAddress(destination) && isPort(sourcePort) && isPort(destinationPort)
  return isSound ? { ...header, source: { address: source, port: Number(sourcePort) } } : 'malformed'
}

/** No leading zeros, as the protocol has it: two readers could take them for octal. */
function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

function readVersion2(bytes: Buffer): ProxyHeader | 'more' | 'malformed' {
  const signed = Math.min(bytes.length, proxySignature.length)
  if (bytes.compare(proxySignature, 0, signed, 0, signed) !== 0) return 'malformed'
  if (bytes.length < fixedBytes) return 'more'
  const command = bytes[12] as number
  const end = fixedBytes + bytes.readUInt16BE(14)
  if (command >> 4 !== 2 || (command & 15) > 1 || end > headerBytesMax) return 'malformed'
  if (bytes.length < end) return 'more'
  const local = { bytes: end, source: undefined, isSecure: false }
  if ((command & 15) === 0) return local
  const place = placeOf(bytes[13] as number)
  if (place === undefined) return local // a kind of address that is no client of ours; the protocol says to go on
  if (end < fixedBytes + place.size) return 'malformed'
  const address = place.read(bytes)
  const port = bytes.readUInt16BE(fixedBytes + place.size - 4)
  return { bytes: end, source: { address, port }, isSecure: saysTls(bytes, fixedBytes + place.size, end) }
}

/** Two addresses and two ports; TCP over IPv4 or IPv6. */
function placeOf(family: number): { size: number; read(bytes: Buffer): string } | undefined {
  if (family === 0x11) return { size: 12, read: (bytes) => [...bytes.subarray(fixedBytes, fixedBytes + 4)].join('.') }
  if (family === 0x21) return { size: 36, read: (bytes) => textOfIPv6(bytes.subarray(fixedBytes, fixedBytes + 16)) }
  return undefined
}

/** Written in full, then as short as URL writes it: one spelling for one address (RFC 5952). */
function textOfIPv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16))
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
}

/** Extensions: a byte of kind, two of length, then so many bytes. What does not add up is left alone. */
function saysTls(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at + 3 <= end; at += 3 + bytes.readUInt16BE(at + 1))
    if (bytes[at] === tlsExtension && at + 3 < end && bytes.readUInt16BE(at + 1) > 0)
      return ((bytes[at + 3] as number) & 1) !== 0
  return false
}
