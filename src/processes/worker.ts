// A worker process: the app's jobs and nothing else. Its setup runs as in a web process, but nobody can ask its routes.

import { AppRole } from './app-role.ts'
import { openAppRuntime } from './app-runtime.ts'
import type { ProcessContext } from './context.ts'
import type { DoorState } from './door/contract.ts'
import { type Role, runProcess } from './run.ts'

export async function openWorkerRole(context: ProcessContext): Promise<Role> {
  return new WorkerRole(context)
}

class WorkerRole extends AppRole implements Role {
  state(): Omit<DoorState, 'pid'> {
    const { nodeId, map } = this.context
    return {
      node: nodeId,
      mapVersion: map.current.version,
      isReady: this.notReady() === undefined,
      hasEntry: false,
      inFlight: this.runtime?.background.inFlight ?? 0,
    }
  }

  protected async open(): Promise<void> {
    const runtime = await openAppRuntime(this.context, { inFlight: () => 0, notReady: () => this.notReady() })
    runtime.background.start()
    this.runtime = runtime
  }

  protected async close(): Promise<void> {
    const runtime = this.running()
    await runtime.background.stop(this.context.map.current.topology.web.drainMs)
    await runtime.close()
    this.runtime = undefined
  }
}

if (import.meta.main) await runProcess(openWorkerRole)
