// What a tour needs of the system that it travels on: so much, and nothing behind it.

import type { Status } from '../control/api.ts'
import type { ControlClient } from '../control/client.ts'

export interface TourSystem {
  status(): Promise<TourStatus>
  /** Resolves when the system stands on the rung, up or down. */
  climb(to: number): Promise<void>
  /** Resolves when the node's process is dead. */
  kill(node: string): Promise<void>
  /** Stops the whole system and starts it again on the same data; resolves when it serves. */
  restart(): Promise<void>
}

export type TourStatus = Pick<Status, 'rung'> & {
  nodes: ReadonlyArray<Pick<Status['nodes'][number], 'id' | 'role' | 'pid' | 'state'>>
}

const climbTimeoutMs = 120_000

/** The tour's view of a system under a supervisor. `restart` is the caller's: it outlives the supervisor. */
export function tourSystemOf(client: ControlClient, restart: () => Promise<void>): TourSystem {
  return {
    status: () => client.status(),
    async climb(to) {
      await client.apply({ rung: to })
      await client.waitIdle({ timeoutMs: climbTimeoutMs })
    },
    async kill(node) {
      await client.fault('kill', node)
    },
    restart,
  }
}
