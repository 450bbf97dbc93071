// Where a request comes from, as it is told to servers: X-Forwarded-* and Forwarded (RFC 7239). What a client says about
// itself is dropped; what a trusted peer says is kept and continued.

import type { BlockList } from 'node:net'
import { isIP } from 'node:net'
import type { ByteWriter } from './byte-writer.ts'
import { fieldKinds } from './field-names.ts'
import type { RequestHead } from './request-head.ts'

/** Of one connection; the texts are put together once. */
export class ClientOrigin {
  readonly address: string
  readonly isTrusted: boolean
  /** The client speaks TLS to us, or to the balancer before us. */
  readonly isSecure: boolean
  readonly isHttp2: boolean
  readonly #proto: string
  readonly #node: string
  readonly #before: string
  readonly #between: string
  readonly #after: string

  constructor(
    remoteAddress: string,
    {
      isSecure,
      isHttp2 = false,
      trustedPeers,
    }: { isSecure: boolean; isHttp2?: boolean; trustedPeers?: BlockList | undefined },
  ) {
    this.address = remoteAddress.replace(/^::ffff:/, '').replace(/%.*$/, '')
    this.isSecure = isSecure
    this.isHttp2 = isHttp2
    const version = isIP(this.address)
    this.isTrusted = version !== 0 && trustedPeers?.check(this.address, version === 6 ? 'ipv6' : 'ipv4') === true
    this.#proto = isSecure ? 'https' : 'http'
    // RFC 7239, 6: an IPv6 address stands in brackets and quotes.
    this.#node = this.address.includes(':') ? `"[${this.address}]"` : this.address
    this.#before = `x-forwarded-for: ${this.address}\r\nx-forwarded-proto: ${this.#proto}\r\nx-forwarded-host: `
    this.#between = `\r\nforwarded: for=${this.#node};host="`
    this.#after = `";proto=${this.#proto}\r\n`
  }

  /** `http` or `https`, as servers are told. */
  schemeOf(head: RequestHead): string {
    if (!this.isTrusted) return this.#proto
    const index = head.findKind(fieldKinds.xForwardedProto)
    return index < 0 ? this.#proto : (valuesOf(head, fieldKinds.xForwardedProto).at(-1) ?? this.#proto)
  }

  write(out: ByteWriter, head: RequestHead): void {
    if (this.isTrusted) {
      this.#writeContinued(out, head)
      return
    }
    const [start, end] = [head.base + head.hostStart, head.base + head.hostEnd]
    out.text(this.#before)
    out.put(head.bytes, start, end)
    out.text(this.#between)
    out.put(head.bytes, start, end)
    out.text(this.#after)
  }

  #writeContinued(out: ByteWriter, head: RequestHead): void {
    const { host } = head
    const before = (kind: number) => valuesOf(head, kind)
    out.text(`x-forwarded-for: ${[...before(fieldKinds.xForwardedFor), this.address].join(', ')}\r\n`)
    out.text(`x-forwarded-proto: ${this.schemeOf(head)}\r\n`)
    out.text(`x-forwarded-host: ${before(fieldKinds.xForwardedHost).at(-1) ?? host}\r\n`)
    const own = `for=${this.#node};host="${host}";proto=${this.#proto}`
    out.text(`forwarded: ${[...before(fieldKinds.forwarded), own].join(', ')}\r\n`)
  }
}

function valuesOf(head: RequestHead, kind: number): string[] {
  const values: string[] = []
  for (let i = head.findKind(kind); i >= 0; i = head.findKind(kind, i + 1)) values.push(head.value(i))
  return values.filter((value) => value !== '')
}
