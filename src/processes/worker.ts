// A worker process: the app's jobs and nothing else. Its setup runs as in a web process, but nobody can ask its routes.

import { TenfoldError } from '../base/errors.ts'
import { Lifecycle } from '../base/lifecycle.ts'
import { type AppRuntime, openAppRuntime } from './app-runtime.ts'
import type { CacheReport } from './cache/report.ts'
import type { ProcessContext } from './context.ts'
import type { DoorState, HoldAnswer, HoldRequest, ReachAnswer, ReachRequest } from './door/contract.ts'
import type { QueueAnswers, QueueRequest } from './queue/desk.ts'
import { reachPrimary } from './reach-primary.ts'
import { type Role, runProcess } from './run.ts'

export async function openWorkerRole(context: ProcessContext): Promise<Role> {
  return new WorkerRole(context)
}

class WorkerRole extends Lifecycle implements Role {
  readonly #context: ProcessContext
  #runtime: AppRuntime | undefined

  constructor(context: ProcessContext) {
    super()
    this.#context = context
  }

  state(): Omit<DoorState, 'pid'> {
    const { nodeId, map } = this.#context
    return {
      node: nodeId,
      mapVersion: map.current.version,
      isReady: this.#notReady() === undefined,
      hasEntry: false,
      inFlight: this.#runtime?.background.inFlight ?? 0,
    }
  }

  async applyMap(): Promise<void> {
    await this.#context.map.refresh()
  }

  hold(request: HoldRequest): Promise<HoldAnswer> {
    return this.#running().router.hold(request)
  }

  reach({ shard, timeoutMs }: ReachRequest): Promise<ReachAnswer> {
    return reachPrimary(this.#running().router, shard, timeoutMs)
  }

  async release(): Promise<void> {
    this.#running().router.release()
  }

  cacheReport(): Promise<CacheReport> {
    return this.#running().cacheReport()
  }

  queue(request: QueueRequest): Promise<QueueAnswers[QueueRequest['kind']]> {
    return this.#running().queueDesk.answer(request)
  }

  protected async open(): Promise<void> {
    const runtime = await openAppRuntime(this.#context, { inFlight: () => 0, notReady: () => this.#notReady() })
    runtime.background.start()
    this.#runtime = runtime
  }

  protected async close(): Promise<void> {
    const runtime = this.#running()
    await runtime.background.stop(this.#context.map.current.topology.web.drainMs)
    await runtime.close()
    this.#runtime = undefined
  }

  #notReady(): string | undefined {
    return this.isRunning ? this.#runtime?.trouble() : 'the process starts or stops'
  }

  #running(): AppRuntime {
    if (this.#runtime) return this.#runtime
    throw new TenfoldError('unavailable', `${this.#context.nodeId} is not running`)
  }
}

if (import.meta.main) await runProcess(openWorkerRole)
