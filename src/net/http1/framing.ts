// Where a body ends (RFC 9112, 6): one exact `chunked` or one Content-Length of digits, never both, in either direction.
// Also what a Connection field says, because both decide whether there is a next message.

import { COMMA, isText, readDigits, SP, TAB } from './byte-classes.ts'
import type { FieldBlock } from './field-block.ts'
import { fieldKinds, mayBeNominated } from './field-names.ts'
import { type Refusal, refusals } from './refusals.ts'

export type BodyKind = 'none' | 'length' | 'chunked' | 'until-close'

/** Reused for every message of a connection. */
export class Framing {
  bodyKind: BodyKind = 'none'
  /** With `length`: of the body. Otherwise what a Content-Length said where no body follows (HEAD, 304), or -1. */
  contentLength = -1
  hasClose = false
  hasKeepAlive = false
  hasUpgrade = false
  /** Names that the sender's Connection field makes hop-by-hop, in small letters; hardly ever any. */
  nominated: string[] = none
  #lengths = 0
  #codings = 0

  reset(): void {
    this.bodyKind = 'none'
    this.contentLength = -1
    this.hasClose = this.hasKeepAlive = this.hasUpgrade = false
    this.nominated = none
    this.#lengths = this.#codings = 0
  }

  /** Takes one field that matters here; others are left alone. */
  take(head: FieldBlock, index: number, minorVersion: number): Refusal | undefined {
    switch (head.kinds[index]) {
      case fieldKinds.contentLength:
        if (++this.#lengths > 1) return refusals.contentLengthCount
        this.contentLength = readDigits(head.bytes, head.valueStart(index), head.valueEnd(index))
        if (this.contentLength < 0) return refusals.contentLength
        this.bodyKind = this.contentLength === 0 ? 'none' : 'length'
        break
      case fieldKinds.transferEncoding:
        if (++this.#codings > 1) return refusals.codingCount
        if (!head.isValue(index, 'chunked')) return refusals.coding
        if (minorVersion === 0) return refusals.codingInHttp10
        break
      case fieldKinds.connection:
        this.#takeConnection(head, index)
    }
    return undefined
  }

  /** After the last field. */
  finish(): Refusal | undefined {
    if (this.#codings === 0) return undefined
    if (this.#lengths > 0) return refusals.lengthAndCoding
    this.bodyKind = 'chunked'
    this.contentLength = -1
    return undefined
  }

  #takeConnection(head: FieldBlock, index: number): void {
    const { bytes } = head
    const end = head.valueEnd(index)
    for (let start = head.valueStart(index); start < end; ) {
      let stop = start
      while (stop < end && bytes[stop] !== COMMA) stop++
      let [first, last] = [start, stop]
      while (first < last && isSpace(bytes[first] as number)) first++
      while (last > first && isSpace(bytes[last - 1] as number)) last--
      if (last > first) this.#takeOption(bytes, first, last)
      start = stop + 1
    }
  }

  #takeOption(bytes: Buffer, start: number, end: number): void {
    if (isText(bytes, start, end, 'keep-alive')) this.hasKeepAlive = true
    else if (isText(bytes, start, end, 'close')) this.hasClose = true
    else if (isText(bytes, start, end, 'upgrade')) this.hasUpgrade = true
    else {
      const name = bytes.toString('latin1', start, end).toLowerCase()
      if (mayBeNominated(name)) this.nominated = [...this.nominated, name]
    }
  }
}

const none: string[] = []

function isSpace(byte: number): boolean {
  return byte === SP || byte === TAB
}
