// The head of a server's answer, understood: whether a body follows and whether the connection can be used again.

import { fieldKinds } from './field-names.ts'
import { Framing } from './framing.ts'
import { type HeadLimits, HeadParser } from './head-parser.ts'
import type { Refusal } from './refusals.ts'

export class AnswerHead extends HeadParser {
  readonly framing = new Framing()
  hasRequestId = false
  hasDate = false
  /** What the server's Keep-Alive field promises, or -1. */
  keepAliveSeconds = -1

  constructor(limits: HeadLimits) {
    super('answer', limits)
  }

  get isInterim(): boolean {
    return this.status < 200
  }

  get isPersistent(): boolean {
    const { framing } = this
    if (framing.bodyKind === 'until-close' || framing.hasClose) return false
    return this.minorVersion === 1 || framing.hasKeepAlive
  }

  /** Once, when the parser is done. `isHead`: it answers a HEAD request, so no body follows whatever the fields say. */
  understand(isHead: boolean): Refusal | undefined {
    const { framing, status } = this
    framing.reset()
    this.hasRequestId = this.hasDate = false
    this.keepAliveSeconds = -1
    let hasLength = false
    for (let i = 0; i < this.count; i++) {
      const kind = this.kinds[i] as number
      if (kind === fieldKinds.other) continue
      const refusal = framing.take(this, i, this.minorVersion)
      if (refusal !== undefined) return refusal
      switch (kind) {
        case fieldKinds.contentLength:
          hasLength = true
          break
        case fieldKinds.requestId:
          this.hasRequestId = true
          break
        case fieldKinds.date:
          this.hasDate = true
          break
        case fieldKinds.keepAlive:
          this.keepAliveSeconds = keepAliveSecondsOf(this.value(i))
      }
    }
    const refusal = framing.finish()
    if (refusal !== undefined) return refusal
    // RFC 9112, 6.3, 1: these have no body, whatever else they say.
    if (isHead || status < 200 || status === 204 || status === 304) {
      framing.bodyKind = 'none'
      if (status === 204 || status < 200) framing.contentLength = -1
    } else if (framing.bodyKind === 'none' && !hasLength) framing.bodyKind = 'until-close'
    return undefined
  }
}

function keepAliveSecondsOf(value: string): number {
  const [, seconds] = /\btimeout=(\d{1,6})\b/i.exec(value) ?? []
  return seconds === undefined ? -1 : Number(seconds)
}
