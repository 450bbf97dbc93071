// What a tour needs of the system that it travels on: so much, and nothing behind it.

import { TenfoldError } from '../base/errors.ts'
import type { Status } from '../control/api.ts'
import type { ControlClient } from '../control/client.ts'
import { purgeEverywhere } from './purge.ts'

export interface TourSystem {
  status(): Promise<TourStatus>
  /** Resolves when the system stands on the rung, up or down. */
  climb(to: number): Promise<void>
  /** kill: resolves when the node's process is dead; pause: when all of the node stands still. */
  fault(kind: 'kill' | 'pause', node: string): Promise<void>
  /** Resolves when another node is the primary of the first shard. */
  switchover(): Promise<void>
  /** Resolves when no front gives what was kept under a tag before. @throws timeout when one does for more than a second. */
  purge(): Promise<void>
  /** Stops the whole system and starts it again on the same data; resolves when it serves. */
  restart(): Promise<void>
}

export type TourNode = Pick<Status['nodes'][number], 'id' | 'role' | 'pid' | 'state' | 'database'>
export type TourStatus = Pick<Status, 'rung'> & { nodes: readonly TourNode[] }

const climbTimeoutMs = 300_000

/** The tour's view of a system under a supervisor. `restart` is the caller's: it outlives the supervisor. */
export function tourSystemOf(client: ControlClient, restart: () => Promise<void>): TourSystem {
  return {
    status: () => client.status(),
    async climb(to) {
      await client.apply({ rung: to })
      await client.waitIdle({ timeoutMs: climbTimeoutMs })
    },
    async fault(kind, node) {
      await client.fault(kind, node)
    },
    async switchover() {
      const [shard] = (await client.status()).shards
      if (!shard) throw new TenfoldError('not-found', 'the system has no shard whose primary could change')
      await client.switchover(shard.id)
      await client.waitIdle({ timeoutMs: climbTimeoutMs })
    },
    purge: () => purgeEverywhere(client),
    restart,
  }
}
