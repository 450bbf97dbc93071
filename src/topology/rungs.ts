// The eleven rungs. Each is a change to the rung below it; a preset is the sum of the changes up to it.

import { TenfoldError } from '../base/errors.ts'
import type { TopologyInput } from './schema.ts'

export interface Rung {
  number: number
  title: string
  appears: string
  /** What this version can really run. A rung that is not built can be printed, not climbed. */
  isBuilt: boolean
  change: TopologyInput
}

export const rungs: readonly Rung[] = [
  { number: 1, title: 'single server', appears: 'one web process, the database beside it', isBuilt: true, change: {} },
  {
    number: 2,
    title: 'separate database',
    appears: 'the database on a node of its own',
    isBuilt: true,
    change: { database: { placement: 'own' } },
  },
  {
    number: 3,
    title: 'load balancer',
    appears: 'one public address, two web servers behind it',
    isBuilt: true,
    change: { front: { count: 1 }, web: { count: 2 } },
  },
  {
    number: 4,
    title: 'database replication',
    appears: 'a primary with two replicas, automatic failover',
    isBuilt: true,
    change: { database: { replicas: 2, durability: 'quorum' } },
  },
  { number: 5, title: 'cache tier', appears: 'a shared cache', isBuilt: true, change: { cache: { nodes: 3 } } },
  {
    number: 6,
    title: 'CDN edge',
    appears: 'answers from the edge, a second front beside the first',
    isBuilt: true,
    change: { front: { count: 2 }, edge: { enabled: true } },
  },
  {
    number: 7,
    title: 'stateless web tier',
    appears: 'sessions in the shared store, web servers by load',
    isBuilt: true,
    change: { session: { store: 'shared' }, web: { count: 3, max: 6 } },
  },
  {
    number: 8,
    title: 'data centers',
    appears: 'a second region, GeoDNS',
    isBuilt: false,
    change: {
      regions: [
        { id: 'us-east', weight: 1 },
        { id: 'eu-west', weight: 1 },
      ],
    },
  },
  {
    number: 9,
    title: 'message queue',
    appears: 'jobs in three brokers, workers of their own by backlog',
    isBuilt: true,
    change: { queue: { engine: 'jetstream', nodes: 3 }, worker: { count: 2, max: 4 } },
  },
  {
    number: 10,
    title: 'logs, metrics, automation',
    appears: 'one place to search and look',
    isBuilt: false,
    change: { telemetry: { collect: true } },
  },
  { number: 11, title: 'sharding', appears: 'four shards', isBuilt: false, change: { database: { shards: 4 } } },
]

export const highestBuiltRung = Math.max(...rungs.filter((rung) => rung.isBuilt).map((rung) => rung.number))

export function rungOf(number: number): Rung {
  const rung = rungs.find((candidate) => candidate.number === number)
  if (!rung) throw new TenfoldError('bad-input', `there is no rung ${number}; rungs go from 1 to ${rungs.length}`)
  return rung
}

/** The rungs below `number` that this version does not have: a preset leaves them out. */
export function missingBelow(number: number): readonly Rung[] {
  return rungs.filter((rung) => rung.number < number && !rung.isBuilt)
}

/** What rung `number` sets: its own change on top of every built one below it. */
export function presetOf(number: number): TopologyInput {
  rungOf(number)
  const changes = rungs.filter((rung) => rung.number === number || (rung.number < number && rung.isBuilt))
  return changes.reduce<TopologyInput>((sum, rung) => mergeTopology(sum, rung.change), {})
}

/** `over` wins key by key; sections are merged, lists are replaced. */
export function mergeTopology(base: TopologyInput, over: TopologyInput): TopologyInput {
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    if (value === undefined) continue
    const below = merged[key]
    merged[key] = isSection(value) && isSection(below) ? { ...below, ...value } : value
  }
  return merged as TopologyInput
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
