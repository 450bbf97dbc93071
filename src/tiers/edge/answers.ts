// A kept answer given to a client: whole, as a part, as a 304, or as a head alone; from memory at once, from disk when it
// has been read.

import type { Exchange, ExchangeSink } from '../../net/http1/exchange.ts'
import { warnOfFault } from '../../net/http1/fault.ts'
import { isNotModified } from './conditionals.ts'
import { DiskAnswer } from './disk-answer.ts'
import type { Prepared } from './prepared.ts'
import { type Range, requestedRange } from './ranges.ts'
import type { Kept, Store } from './store/contract.ts'
import { writeAnswer } from './written-head.ts'

const nothing: Buffer = Buffer.alloc(0)

export interface Given {
  kept: Kept
  /** Every line of the answer. */
  lines: string
  prepared: Prepared
  /** The request has a condition or a range; without either nothing of it need be read. */
  isSpecial: boolean
  nowMs: number
  /** Its body cannot be read any more: the request is to be asked again. */
  onLost: () => void
}

export function give(exchange: Exchange, given: Given, store: Store): void {
  const { kept, lines, prepared } = given
  const { head } = kept
  const isHead = exchange.request.method === 'HEAD'
  let range: Range | undefined
  if (given.isSpecial) {
    if (isNotModified(exchange.request, head, given.nowMs)) {
      exchange.answerWhole(304, prepared.notModified(lines), nothing)
      return
    }
    const asked = isHead || head.status !== 200 ? undefined : requestedRange(exchange.request, head, given.nowMs)
    if (asked === 'unsatisfiable') {
      exchange.answerWhole(416, prepared.unsatisfiable(lines), nothing)
      return
    }
    range = asked
  }
  if (range !== undefined) givePart(exchange, given, range, store)
  else if (kept.body !== undefined) exchange.answerWhole(head.status, lines, kept.body)
  else if (isHead || head.bytes === 0) {
    exchange.answerHead(writeAnswer({ status: head.status, lines, bytes: head.bytes }, { isHead }))
    exchange.answerEnd()
  } else if (head.bytes <= store.wholeBytesMax) giveRead(exchange, given, store).catch(warnOfFault)
  else givePieces(exchange, given, { status: head.status, lines, range: { start: 0, end: head.bytes } }, store)
}

function givePart(exchange: Exchange, given: Given, range: Range, store: Store): void {
  const { head, body } = given.kept
  const lines = `${given.lines}content-range: bytes ${range.start}-${range.end - 1}/${head.bytes}\r\n`
  if (body !== undefined) exchange.answerWhole(206, lines, body.subarray(range.start, range.end))
  else givePieces(exchange, given, { status: 206, lines, range }, store)
}

async function giveRead(exchange: Exchange, { kept, lines, onLost }: Given, store: Store): Promise<void> {
  const presence = new Presence(exchange)
  let body: Buffer | undefined
  try {
    body = await store.read(kept)
  } catch {
    // Its file is gone or broken, or too many are being read: the server has it too.
  }
  if (presence.isGone) return
  if (body === undefined) onLost()
  else exchange.answerWhole(kept.head.status, lines, body)
}

function givePieces(
  exchange: Exchange,
  { kept, onLost }: Given,
  { status, lines, range }: { status: number; lines: string; range: Range },
  store: Store,
): void {
  const begin = () => exchange.answerHead(writeAnswer({ status, lines, bytes: range.end - range.start }))
  DiskAnswer.send(exchange, { store, kept, range, begin })
    .then((wasSent) => {
      if (!wasSent) onLost()
    })
    .catch(warnOfFault)
}

/** Whether the client is still there. */
class Presence implements ExchangeSink {
  isGone = false

  constructor(exchange: Exchange) {
    exchange.attach(this)
  }

  onClientGone(): void {
    this.isGone = true
  }

  onBody(): void {}
  onBodyEnd(): void {}
  onBodyPause(): void {}
  onDrain(): void {}
}
