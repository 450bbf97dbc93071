// A HEAD that a server answers, and what that says about what is kept (RFC 9111, 4.3.5).

import type { AnswerHead } from '../../net/http1/answer-head.ts'
import type { Exchange } from '../../net/http1/exchange.ts'
import type { Asked, Asking } from './edge-parts.ts'
import { fieldOf } from './fields.ts'
import { verdictOf } from './keeping.ts'
import { bornOf, endToEndFields, judgedFields, keptHeadOf, updatedFields } from './kept-head.ts'
import type { PassWatcher } from './pass.ts'
import { traits } from './request-traits.ts'
import type { Kept, PurgeMark } from './store/contract.ts'

export class HeadWatcher implements PassWatcher {
  readonly #edge: Asking
  readonly #asked: Asked
  /** What is given when no server answers. */
  readonly #fallback: Kept | undefined
  readonly #askedMs: number
  readonly #mark: PurgeMark

  constructor(edge: Asking, asked: Asked, fallback: Kept | undefined) {
    this.#edge = edge
    this.#asked = asked
    this.#fallback = fallback
    this.#askedMs = edge.parts.clock.now()
    this.#mark = edge.parts.store.mark()
  }

  answered(exchange: Exchange, head: AnswerHead): void {
    // It passed with parameters that the key is without: the answer may say what they made of it.
    if (this.#asked.target !== exchange.request.path) return
    const kept = this.#edge.selectBase(this.#asked.key, exchange)
    if (kept === undefined || kept.head.status !== head.status || head.status !== 200) return
    const fields = endToEndFields(head, this.#edge.parts.clock.now())
    // Another version, or another length: what is kept is out of date.
    if (!isSame(kept, fields, head.framing.contentLength)) {
      this.#edge.parts.compressing.replaced(kept)
      this.#edge.parts.store.remove(kept)
    } else this.#update(kept, head, updatedFields(kept.head.fields, fields))
  }

  refused(exchange: Exchange): boolean {
    if (this.#fallback === undefined) return false
    const status = { forwarded: 'stale', detail: 'stale-if-error' } as const
    this.#edge.parts.counts.undo('pass', exchange)
    this.#edge.give(exchange, this.#fallback, { outcome: 'stale', status, attempt: this.#asked.attempt })
    return true
  }

  #update(kept: Kept, head: AnswerHead, fields: Kept['head']['fields']): void {
    const { store, clock, settings, compressing } = this.#edge.parts
    const { rule, key } = this.#asked
    const answeredMs = clock.now()
    const verdict = verdictOf(
      { status: kept.head.status, fields: judgedFields(head, fields) },
      {
        hasAuthorization: (this.#asked.traits & traits.authorization) !== 0,
        hasCookie: (this.#asked.traits & traits.cookie) !== 0,
      },
      { rule, staleIfErrorMs: settings.staleIfErrorMs, answeredMs },
    )
    if (verdict.refusal !== undefined) return
    const { status, bytes, selectedBy } = kept.head
    const bornMs = bornOf(head, fields, { askedMs: this.#askedMs, answeredMs })
    const known = keptHeadOf({ key, status, bytes, fields }, verdict, { selectedBy, bornMs })
    compressing.refreshed(store.refresh(kept, known, this.#mark), this.#mark)
  }
}

function isSame({ head }: Kept, fields: Kept['head']['fields'], bytes: number): boolean {
  if (bytes >= 0 && bytes !== head.bytes) return false
  for (const name of ['etag', 'last-modified']) {
    const said = fieldOf(fields, name)
    if (said !== undefined && said !== fieldOf(head.fields, name)) return false
  }
  return true
}
