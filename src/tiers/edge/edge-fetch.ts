// A fetch, and what the edge knows of it: what it is for, and what is to become of its answer.

import type { Exchange } from '../../net/http1/exchange.ts'
import type { RequestHead } from '../../net/http1/request-head.ts'
import type { EdgeRule } from './contract.ts'
import { Fetch, type FetchOwner } from './fetch.ts'
import type { AskedWith } from './keeping.ts'
import type { Kept, KeptHead, PurgeMark } from './store/contract.ts'
import type { Selection } from './vary.ts'

export interface FetchFor extends AskedWith {
  /** What a fetch is found under by those who want the same. */
  id: string
  key: string
  target: string
  rule: EdgeRule
  /** What is kept and stale: the server is asked whether it still holds. */
  validates: Kept | undefined
  /** Requests like this one, for which an answer that is not kept says what to expect. */
  likeness: string
}

export class EdgeFetch extends Fetch {
  readonly for: FetchFor
  readonly asked: PurgeMark
  readonly askedMs: number
  /** Set when what it brings is too old to be kept: the thing was changed while it was on its way. */
  isOutdated = false
  /** From the head of its answer on: which requests it is for, and what is known of it but its length. */
  selectedBy: Selection | undefined
  pending: Omit<KeptHead, 'bytes'> | undefined
  /** What caches behind this one say of the answer, with a comma. */
  before = ''
  /** Another front is asked first. */
  isAtSibling = false

  constructor(
    request: RequestHead,
    {
      from,
      owner,
      purpose,
      asked,
      askedMs,
    }: {
      from: Pick<Exchange, 'origin' | 'requestId'>
      owner: FetchOwner<EdgeFetch>
      purpose: FetchFor
      asked: PurgeMark
      askedMs: number
    },
  ) {
    super(request, from, owner)
    this.for = purpose
    this.asked = asked
    this.askedMs = askedMs
  }
}
