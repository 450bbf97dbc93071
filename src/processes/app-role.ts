// What a process does that runs the app, whether people ask it (web.ts) or jobs (worker.ts): the app's tiers are open in it, and
// the supervisor asks it for the same things.

import { TenfoldError } from '../base/errors.ts'
import { Lifecycle } from '../base/lifecycle.ts'
import type { AppRuntime } from './app-runtime.ts'
import type { CacheReport } from './cache/report.ts'
import type { ProcessContext } from './context.ts'
import type { HoldAnswer, HoldRequest, ReachAnswer, ReachRequest } from './door/contract.ts'
import type { QueueAnswers, QueueRequest } from './queue/desk.ts'
import { reachPrimary } from './reach-primary.ts'

export abstract class AppRole extends Lifecycle {
  protected readonly context: ProcessContext
  /** From the end of `open` to the end of `close`. */
  protected runtime: AppRuntime | undefined

  constructor(context: ProcessContext) {
    super()
    this.context = context
  }

  /** Whoever subscribes to the map, the router among them, has applied it when this resolves. */
  async applyMap(): Promise<void> {
    await this.context.map.refresh()
  }

  hold(request: HoldRequest): Promise<HoldAnswer> {
    return this.running().router.hold(request)
  }

  reach({ shard, timeoutMs }: ReachRequest): Promise<ReachAnswer> {
    return reachPrimary(this.running().router, shard, timeoutMs)
  }

  async release(): Promise<void> {
    this.running().router.release()
  }

  cacheReport(): Promise<CacheReport> {
    return this.running().cacheReport()
  }

  queue(request: QueueRequest): Promise<QueueAnswers[QueueRequest['kind']]> {
    return this.running().queueDesk.answer(request)
  }

  /** Why it is not ready; undefined when it is. */
  protected notReady(): string | undefined {
    return this.isRunning ? this.runtime?.trouble() : 'the process starts or stops'
  }

  protected running(): AppRuntime {
    if (this.runtime) return this.runtime
    throw new TenfoldError('unavailable', `${this.context.nodeId} is not running`)
  }
}
