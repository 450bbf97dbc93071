// A system on rung 4 with the app of the history checker: who is primary, when all is whole again.

import assert from 'node:assert/strict'
import type { Status, StatusNode } from '../../../src/control/api.ts'
import { RunningSystem } from '../../running-system.ts'
import { historyApp } from '../history/recorded-load.ts'

const wholeTimeoutMs = 90_000
/** Rarely: a clone takes seconds, and whoever asks takes processor time from it. */
const wholeIntervalMs = 100

/** How often a fault is repeated: few times in every run of the tests, often for the record. */
export const rounds = Number(process.env['TENFOLD_FAULT_ROUNDS'] ?? 3)

export type DatabaseNode = StatusNode & { pid: number }

export async function upReplicated(): Promise<RunningSystem> {
  const system = await RunningSystem.up(historyApp, '--rung', '4')
  try {
    await waitWhole(system)
    return system
  } catch (error) {
    await system.down()
    throw error
  }
}

/** Every node ready, one primary per shard, and as many replicas as the topology wants, all of them following. */
export function waitWhole(system: RunningSystem): Promise<Status> {
  return system.waitStatus('a whole system', isWhole, wholeTimeoutMs, wholeIntervalMs)
}

function isWhole({ nodes, shards, topology, climbing }: Status): boolean {
  const isReady = (id: string) => nodes.find((node) => node.id === id)?.state === 'ready'
  return (
    climbing === null &&
    nodes.every(({ state }) => state === 'ready') &&
    shards.every(({ primary, replicas }) => {
      return isReady(primary) && replicas.length === topology.database.replicas && replicas.every(isReady)
    })
  )
}

export function primaryOf(status: Status): DatabaseNode {
  return nodeOf(status, status.shards[0]?.primary)
}

export function replicasOf(status: Status): DatabaseNode[] {
  return (status.shards[0]?.replicas ?? []).map((id) => nodeOf(status, id))
}

function nodeOf({ nodes }: Status, id: string | undefined): DatabaseNode {
  const node = nodes.find((candidate) => candidate.id === id)
  assert.ok(node && node.pid !== null, `${id} does not run`)
  return { ...node, pid: node.pid }
}

/** Wall-clock milliseconds as the recorder takes them. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
