// A web process: the app on its own private address and, where the node has it, on the public one. Its jobs too, as
// long as the topology has no workers.

import { TenfoldError } from '../base/errors.ts'
import { DrainableServer } from '../net/drainable-server.ts'
import { sumCounts } from '../net/server-counts.ts'
import { AppRole } from './app-role.ts'
import { openAppRuntime } from './app-runtime.ts'
import { entryFd, type ProcessContext } from './context.ts'
import type { DoorState } from './door/contract.ts'
import { processUse } from './process-use.ts'
import { type Role, runProcess } from './run.ts'
import { answerSessionRequest, type SessionAnswer, type SessionRequest } from './session-desk.ts'
import { startSupervisor } from './start-supervisor.ts'

export async function openWebRole(context: ProcessContext): Promise<Role> {
  return new WebRole(context)
}

class WebRole extends AppRole implements Role {
  #own: DrainableServer | undefined
  /** Accepts on the public address. */
  #entry: DrainableServer | undefined
  #worksJobs = false
  /** The last start or stop of the jobs here. */
  #jobs: Promise<void> = Promise.resolve()
  #unsubscribe: (() => void) | undefined

  state(): Omit<DoorState, 'pid'> {
    const { nodeId, map } = this.context
    return {
      node: nodeId,
      mapVersion: map.current.version,
      isReady: this.notReady() === undefined,
      hasEntry: this.#entry?.isAccepting ?? false,
      inFlight: this.#inFlight() + (this.runtime?.background.inFlight ?? 0),
      ...sumCounts([this.#own, this.#entry].flatMap((server) => server?.counts ?? [])),
      use: processUse(),
    }
  }

  sessions(request: SessionRequest): Promise<SessionAnswer> {
    return answerSessionRequest(this.running().users, request)
  }

  async leaveEntry(): Promise<void> {
    this.#entry?.stopAccepting()
  }

  async startSupervisor(args: string[]): Promise<{ pid: number }> {
    if (!this.#entry?.isAccepting)
      throw new TenfoldError(
        'conflict',
        `${this.context.nodeId} does not hold the public socket; ask the node that does`,
      )
    return startSupervisor(this.context.home, args)
  }

  protected async open(): Promise<void> {
    const { self, hasEntrySocket } = this.context
    const runtime = await openAppRuntime(this.context, {
      inFlight: () => this.#inFlight(),
      notReady: () => this.notReady(),
    })
    const { address, port, entry } = self()
    const own = new DrainableServer(runtime.web.handle)
    try {
      await own.listen({ address, port })
      if (hasEntrySocket && entry) {
        const server = new DrainableServer(runtime.web.handle)
        await server.listen({ fd: entryFd })
        this.#entry = server
      }
    } catch (error) {
      await own.drain(0)
      await runtime.close()
      throw error
    }
    this.#own = own
    this.runtime = runtime
    this.#followWorkers()
    this.#unsubscribe = this.context.map.onChange(() => this.#followWorkers())
  }

  /** Not ready from here on: `isRunning` is false. Requests first, then jobs, then what both of them use. */
  protected async close(): Promise<void> {
    const runtime = this.running()
    this.#unsubscribe?.()
    await this.#jobs
    const { drainMs } = this.context.map.current.topology.web
    const { closesIdle } = this.context
    await Promise.all([
      this.#own?.drain(drainMs, { closesIdle }),
      this.#entry?.drain(drainMs, { closesIdle }),
      runtime.background.stop(drainMs),
    ])
    await runtime.close()
    this.#worksJobs = false
    this.runtime = undefined
    this.#own = undefined
    this.#entry = undefined
  }

  /** Jobs are worked off here as long as the topology has nobody else for them. */
  #followWorkers(): void {
    const { worker, web } = this.context.map.current.topology
    const wanted = worker.count === 0
    if (wanted === this.#worksJobs) return
    this.#worksJobs = wanted
    const { background } = this.running()
    this.#jobs = this.#jobs.then(() => (wanted ? background.start() : background.stop(web.drainMs)))
  }

  #inFlight(): number {
    return (this.#own?.inFlight ?? 0) + (this.#entry?.inFlight ?? 0)
  }
}

if (import.meta.main) await runProcess(openWebRole)
