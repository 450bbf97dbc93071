// What the brokers of the queue are, and what their version cannot promise.

import type { SystemMap } from '../map/map.ts'
import { syncsAlways } from '../programs/nats/contract.ts'

export interface BrokerStatus {
  engine: 'jetstream'
  /** Those that processes use that start now; empty while there are only former ones, which are being emptied. */
  nodes: string[]
  /** Former ones that may still have jobs. */
  left: string[]
  /** The oldest that runs; null while none was asked. */
  version: string | null
  /** A job is on the disk before it is acknowledged. Else what a machine that goes down had acknowledged in the last two minutes may be gone, if no other has it. */
  isSynced: boolean | null
}

/** Undefined while all jobs lie in the database. */
export function brokerStatusOf(
  { queue }: Pick<SystemMap, 'queue'>,
  versionOf: (id: string) => string | undefined,
): BrokerStatus | undefined {
  if (!queue) return undefined
  const versions = queue.nodes.flatMap((id) => versionOf(id) ?? [])
  const version = versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))[0] ?? null
  return {
    engine: 'jetstream',
    nodes: queue.nodes,
    left: queue.left?.flat() ?? [],
    version,
    isSynced: version === null ? null : syncsAlways(version),
  }
}
