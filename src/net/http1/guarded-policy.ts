// A policy whose faults cost nobody more than they must: a request is answered, and never left hanging.

import type { OwnAnswer } from './answer-writer.ts'
import type { Failure } from './failure.ts'
import { warnOfFault } from './fault.ts'
import type { ForwardedRequest, ForwardPolicy, Upstream } from './forward-policy.ts'

const fault: OwnAnswer = { status: 500, code: 'unavailable', message: 'the request could not be handled' }

export class GuardedPolicy {
  readonly #policy: ForwardPolicy

  constructor(policy: ForwardPolicy) {
    this.#policy = policy
  }

  get retryAfterSeconds(): number {
    return this.#policy.retryAfterSeconds
  }

  pick(request: ForwardedRequest): Upstream | OwnAnswer | 'wait' {
    try {
      return this.#policy.pick(request)
    } catch (error) {
      warnOfFault(error)
      return fault
    }
  }

  left(request: ForwardedRequest): void {
    try {
      this.#policy.left?.(request)
    } catch (error) {
      warnOfFault(error)
    }
  }

  answering(request: ForwardedRequest, upstream: Upstream): string {
    try {
      return this.#policy.answering?.(request, upstream) ?? ''
    } catch (error) {
      warnOfFault(error)
      return ''
    }
  }

  failed(request: ForwardedRequest, upstream: Upstream, failure: Failure, canRepeat: boolean): boolean {
    try {
      return this.#policy.failed(request, upstream, failure, canRepeat)
    } catch (error) {
      warnOfFault(error)
      return false
    }
  }

  released(request: ForwardedRequest, upstream: Upstream): void {
    try {
      this.#policy.released(request, upstream)
    } catch (error) {
      warnOfFault(error)
    }
  }
}
