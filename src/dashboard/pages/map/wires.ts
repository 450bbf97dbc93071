// Which nodes speak to which, read off their roles, and how much: rates come from the node at the far end.

import type { NodeMetrics, Status, StatusNode } from '../../../control/api.ts'

export interface Wire {
  id: string
  /** A node's id, or one of the two ends that are not nodes. */
  from: string
  to: string
  kind: 'request' | 'replication'
  /** Requests per second that flow; 0 when idle or unknown. */
  rate: number
  /** What is written on the wire, if anything is known. */
  label?: number
  hasErrors: boolean
  /** The far end takes nothing now. */
  isBroken: boolean
}

export const clientsEnd = '(clients)'
export const addressEnd = '(address)'

type Metrics = Readonly<Record<string, NodeMetrics>>

export function wiresOf(status: Status, metrics: Metrics): Wire[] {
  const { nodes } = status
  const rateOf = (node: StatusNode) => metrics[node.id]?.requestsPerSecond
  const fronts = nodes.filter((node) => node.role === 'front')
  const webs = nodes.filter((node) => node.role === 'web')
  const alive = webs.filter((web) => web.state !== 'down')
  const entries = nodes.filter((node) => node.entry)
  const wires: Wire[] = []

  const wire = (from: string, to: StatusNode | string, rate: number | undefined, label?: number) => {
    const target = typeof to === 'string' ? undefined : to
    const id = target?.id ?? (to as string)
    const isServing = target === undefined || target.state === 'ready' || target.state === 'draining'
    const isBroken = target?.state === 'down'
    wires.push({
      id: `${from} > ${id}`,
      from,
      to: id,
      kind: 'request',
      rate: isServing ? (rate ?? 0) : 0,
      ...(label !== undefined && isServing ? { label } : {}),
      hasErrors: target !== undefined && (metrics[target.id]?.errorsPerSecond ?? 0) > 0,
      isBroken,
    })
  }

  wire(clientsEnd, addressEnd, sum(entries.map(rateOf)))
  for (const node of entries) wire(addressEnd, node, rateOf(node), rateOf(node))

  for (const front of fronts) {
    const near = webs.filter((web) => web.region === front.region)
    const share = shareOf(front, fronts, rateOf)
    for (const web of near.length > 0 ? near : webs)
      wire(front.id, web, (rateOf(web) ?? 0) * share, fronts.length === 1 ? rateOf(web) : undefined)
  }

  for (const cache of nodes.filter((node) => node.role === 'redis' && node.standsBy === undefined))
    for (const web of alive) {
      const own = rateOf(cache)
      wire(web.id, cache, own === undefined ? undefined : own * shareOf(web, alive, rateOf))
    }

  const workers = nodes.filter((node) => node.role === 'worker')
  const brokers = nodes.filter((node) => node.role === 'nats')
  for (const broker of brokers) {
    for (const web of alive) wire(web.id, broker, undefined)
    for (const worker of workers) wire(broker.id, worker, rateOf(worker))
  }
  const readsFromReplicas = status.topology.database.replicas > 0
  for (const database of nodes.filter((node) => node.role === 'postgres')) {
    const isPrimary = database.database !== 'replica'
    if (isPrimary || readsFromReplicas)
      for (const web of alive) {
        const own = rateOf(database)
        const share = own === undefined ? rateOf(web) : own * shareOf(web, alive, rateOf)
        wire(web.id, database, share, alive.length === 1 ? own : undefined)
      }
    // Where there are brokers, workers have their jobs from those.
    if (isPrimary && brokers.length === 0)
      for (const worker of workers) wire(database.id, worker, rateOf(worker), rateOf(worker))
  }
  return [...wires, ...replicationOf(status)]
}

function replicationOf({ nodes, shards }: Status): Wire[] {
  return nodes
    .filter((node) => node.database === 'replica' || node.standsBy !== undefined)
    .flatMap((replica) => {
      const primary = replica.standsBy ?? shards.find((shard) => shard.id === replica.shard)?.primary
      if (primary === undefined || primary === replica.id || !nodes.some((node) => node.id === primary)) return []
      const isBroken = replica.state === 'down'
      return [
        {
          id: `${primary} >> ${replica.id}`,
          from: primary,
          to: replica.id,
          kind: 'replication' as const,
          rate: isBroken ? 0 : 1,
          hasErrors: false,
          isBroken,
        },
      ]
    })
}

/** This node's part of what its tier does; equal parts while nothing is known. */
function shareOf(
  node: StatusNode,
  peers: readonly StatusNode[],
  rateOf: (node: StatusNode) => number | undefined,
): number {
  const all = sum(peers.map(rateOf))
  return all === 0 ? 1 / peers.length : (rateOf(node) ?? 0) / all
}

function sum(values: ReadonlyArray<number | undefined>): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0)
}
