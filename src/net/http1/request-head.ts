// The head of a request, understood: where it goes, whether a body follows, and what it asks of this hop.

import { SLASH } from './byte-classes.ts'
import { fieldKinds } from './field-names.ts'
import { Framing } from './framing.ts'
import { type HeadLimits, HeadParser } from './head-parser.ts'
import { type Refusal, refusals } from './refusals.ts'
import { authorityStart, isHost, pathOfAbsolute } from './target.ts'

const sensibleRequestId = /^[A-Za-z0-9._:+/=-]{1,128}$/

export class RequestHead extends HeadParser {
  readonly framing = new Framing()
  /** Places of the path with its query, and of the host, counted from `base`. The path of `http://a?x` lacks its slash. */
  pathStart = 0
  pathEnd = 0
  hostStart = 0
  hostEnd = 0
  method = ''
  /** The client waits for `100 Continue` before it sends its body. */
  expectsContinue = false
  hasIdempotencyKey = false
  /** It asks to leave HTTP for WebSocket. No other protocol is spoken on: an upgrade to h2c would go round every check. */
  isUpgrade = false
  /** The client understands trailers in the answer. */
  takesTrailers = false
  /** Place of the field of a request id that can be passed on, or -1. */
  requestIdIndex = -1

  constructor(limits: HeadLimits) {
    super('request', limits)
  }

  override reset(): void {
    super.reset()
    this.method = '' // a refusal of the next request must not be taken for an answer to this one
  }

  /** Whether another message may follow on the connection. */
  get isPersistent(): boolean {
    return this.minorVersion === 1 ? !this.framing.hasClose : this.framing.hasKeepAlive && !this.framing.hasClose
  }

  get hasBody(): boolean {
    return this.framing.bodyKind !== 'none'
  }

  /** Path and query as they are sent on. */
  get path(): string {
    const path = this.bytes.toString('latin1', this.base + this.pathStart, this.base + this.pathEnd)
    return path.startsWith('/') ? path : `/${path}`
  }

  get host(): string {
    return this.bytes.toString('latin1', this.base + this.hostStart, this.base + this.hostEnd)
  }

  /** Once, when the parser is done. What it answers is why the request cannot be served. */
  understand(): Refusal | undefined {
    const { framing, minorVersion } = this
    framing.reset()
    this.expectsContinue = this.hasIdempotencyKey = this.isUpgrade = this.takesTrailers = false
    this.requestIdIndex = -1
    this.method = methodOf(this.bytes, this.base + this.methodStart, this.base + this.targetStart - 1)
    let hostIndex = -1
    let hosts = 0
    let upgradeIndex = -1
    let upgrades = 0
    let requestIds = 0
    for (let i = 0; i < this.count; i++) {
      const kind = this.kinds[i] as number
      if (kind === fieldKinds.other) continue
      const refusal = framing.take(this, i, minorVersion)
      if (refusal !== undefined) return refusal
      switch (kind) {
        case fieldKinds.host:
          hosts++
          hostIndex = i
          break
        case fieldKinds.expect:
          if (!this.isValue(i, '100-continue')) return refusals.expectation
          this.expectsContinue = minorVersion === 1
          break
        case fieldKinds.upgrade:
          upgrades++
          upgradeIndex = i
          break
        case fieldKinds.te:
          this.takesTrailers = minorVersion === 1 && this.isValue(i, 'trailers')
          break
        case fieldKinds.idempotencyKey:
          this.hasIdempotencyKey = true
          break
        case fieldKinds.requestId:
          requestIds++
          this.requestIdIndex = i
      }
    }
    const refusal = framing.finish() ?? this.#findTarget(hosts, hostIndex)
    if (refusal !== undefined) return refusal
    if (requestIds > 0 && (requestIds > 1 || !sensibleRequestId.test(this.value(this.requestIdIndex))))
      this.requestIdIndex = -1
    if (!this.hasBody) this.expectsContinue = false
    this.isUpgrade =
      upgrades === 1 &&
      framing.hasUpgrade &&
      minorVersion === 1 &&
      this.method === 'GET' &&
      this.isValue(upgradeIndex, 'websocket')
    if (this.isUpgrade && this.hasBody) return refusals.upgradeWithBody
    return undefined
  }

  #findTarget(hosts: number, hostIndex: number): Refusal | undefined {
    const { bytes, base } = this
    if (this.method === 'CONNECT' || this.method === 'TRACE') return refusals.methodNotServed
    if (hosts !== 1) return refusals.hostCount
    if (!isHost(bytes, this.valueStart(hostIndex), this.valueEnd(hostIndex))) return refusals.host
    this.hostStart = this.valueStart(hostIndex) - base
    this.hostEnd = this.valueEnd(hostIndex) - base
    this.pathStart = this.targetStart
    this.pathEnd = this.targetEnd
    if (bytes[base + this.targetStart] === SLASH) return undefined
    const [start, end] = [base + this.targetStart, base + this.targetEnd]
    const path = pathOfAbsolute(bytes, start, end)
    if (path < 0) return refusals.targetForm
    // The host of the target wins over the Host field (RFC 9112, 3.2.2).
    const host = authorityStart(bytes, start, end)
    if (!isHost(bytes, host, path)) return refusals.host
    this.hostStart = host - base
    this.hostEnd = path - base
    this.pathStart = path - base
    return undefined
  }
}

const commonMethods = ['GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']

/** Capital and small letters differ in a method (RFC 9110, 9.1). The common ones need no new string. */
function methodOf(bytes: Buffer, start: number, end: number): string {
  for (const method of commonMethods) if (isExactly(bytes, start, end, method)) return method
  return bytes.toString('latin1', start, end)
}

function isExactly(bytes: Buffer, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false
  return true
}
