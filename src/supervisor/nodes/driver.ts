// What the supervisor does with a node, whatever runs in it. One driver for each kind of process.

import type { MapNode } from '../../map/map.ts'

export interface NodeDriver {
  /** Starts the process, detached, so that it outlives the supervisor. Resolves with its pid, not with its readiness. */
  start(node: MapNode): Promise<number>
  /** What the map shall say of a process that is started now. */
  factsAtStart?(node: MapNode): Partial<MapNode>
  /** Resolves when it serves. @throws program-failed with the end of its log when it exited, timeout when it hangs. */
  waitReady(node: MapNode, pid: number, timeoutMs: number): Promise<void>
  /** Cheap, no waiting; never true for a pid that another program has now. */
  isAlive(node: MapNode, pid: number): boolean
  /** Asks it; false or an error count as one missed beat. */
  isHealthy(node: MapNode): Promise<boolean>
  /** Whether a healthy node may be used: a replica that does not follow yet may not. */
  isUsable?(node: MapNode): Promise<boolean>
  /**
   * Drains and stops in order, by force when it takes too long. When the whole system stops, nobody answers in its
   * place, and kept connections need not be waited for.
   */
  stop(node: MapNode, pid: number, options: { isWholeSystem: boolean }): Promise<void>
  /** Stops what serves for a node whose process is gone, or was never written down. */
  stopLeft?(node: MapNode): Promise<void>
}
