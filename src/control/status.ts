// The system as operators see it, made from the map; with a supervisor also what it is doing.

import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Home } from '../map/home.ts'
import { type ScaledRole, type SystemMap, tlsEntryOf } from '../map/map.ts'
import { rangeOf, wantedOf } from '../plan/plan-scale.ts'
import { isProcessAlive } from '../programs/process.ts'
import { brokerStatusOf } from '../supervisor/broker-status.ts'
import { withNewKeys } from '../supervisor/new-keys.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import { rungs } from '../topology/rungs.ts'
import type { Status } from './api.ts'

/** Offset of the control API's port from the port base. */
export const controlPortOffset = 70
/** Offset of the public address's port from the port base. */
export const appPortOffset = 80

export interface SupervisorRecord {
  pid: number
  since: string
}

export function statusOf(supervisor: Supervisor, record: SupervisorRecord, token: string): Status {
  const { map } = supervisor.keeper
  const status = describeMap(map, token)
  const brokers = supervisor.brokers()
  for (const node of status.nodes)
    if (node.database === 'replica' && node.shard !== undefined)
      Object.assign(node, supervisor.replication.lagOf(node.shard, node.id))
  return {
    ...status,
    ...(brokers && { brokers }),
    climbing: supervisor.executor.progress,
    lastFailure: supervisor.executor.lastFailure,
    scale: { web: supervisor.scaler.status(), worker: supervisor.workerScaler.status() },
    backup: supervisor.backups.status(),
    supervisor: record,
  }
}

/** Read from disk when no supervisor runs: which processes are alive is looked up, nothing else is known. */
export function statusWithoutSupervisor(map: SystemMap, token: string): Status {
  // An earlier version may have written it, and nobody has gone on from it yet.
  const status = { ...describeMap(withNewKeys(map, 'map'), token), version: map.version }
  for (const node of status.nodes)
    if (node.pid === null || !isProcessAlive(node.pid)) Object.assign(node, { state: 'down', pid: null })
  return status
}

function describeMap(map: SystemMap, token: string): Status {
  const control = `http://127.0.0.1:${map.portBase + controlPortOffset}`
  const brokers = brokerStatusOf(map, () => undefined)
  return {
    version: map.version,
    name: map.topology.name,
    rung: map.rung,
    climbing: null,
    lastFailure: null,
    urls: {
      app: urlOf('http', map.entry),
      ...(map.topology.front.tls.enabled && { tls: urlOf('https', tlsEntryOf(map)) }),
      dashboard: `${control}/#token=${token}`,
      control,
    },
    nodes: map.nodes.map(({ dataDir: _, ...node }) => node),
    shards: map.shards.map(({ id, slots, primary, replicas, timeline, durability, quorums }) => {
      const quorum = quorums.at(-1)
      const waitsFor = quorum ? { count: quorum.count, of: quorum.names } : null
      return { id, slots: slots.length, primary, replicas, timeline, durability, quorum: waitsFor }
    }),
    regions: map.regions,
    scale: { web: describeScale(map, 'web'), worker: describeScale(map, 'worker') },
    ...(brokers && { brokers }),
    backup: null,
    supervisor: null,
    topology: map.topology,
    rungs: rungs.map(({ number, title, appears, isBuilt }) => ({ number, title, appears, isBuilt })),
  }
}

/** As far as the map tells: nobody measures. */
function describeScale(map: SystemMap, role: ScaledRole): Status['scale'][ScaledRole] {
  const { least, most } = rangeOf(map.topology, role)
  if (least === most) return null
  return { wanted: wantedOf(map, map.topology, role), least, most, utilisation: null, trouble: null }
}

function urlOf(scheme: string, { address, port }: { address: string; port: number }): string {
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** The supervisor that is alive, or undefined. */
export async function readSupervisorRecord(home: Home): Promise<SupervisorRecord | undefined> {
  const text = await readFile(home.supervisor, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const record = JSON.parse(text) as SupervisorRecord
  return isSupervisor(record.pid) ? record : undefined
}

/** Guards against a pid that belongs to another program since a reboot. */
function isSupervisor(pid: number): boolean {
  if (!isProcessAlive(pid) || process.platform !== 'linux') return isProcessAlive(pid)
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('supervisor-process')
}
