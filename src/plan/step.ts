// A step: one resumable change between two topologies. Pure data that leaves no choices for later.

import type { Durability, MapCache, MapNode, MapQueue } from '../map/map.ts'
import type { Topology } from '../topology/schema.ts'

/** All that is decided about a node before it exists. */
export type NodeSpec = Pick<
  MapNode,
  'id' | 'role' | 'region' | 'host' | 'address' | 'port' | 'entry' | 'busPort' | 'peers' | 'standsBy'
>

export type Step =
  /** The settings that every process reads from now on. */
  | { kind: 'set-topology'; topology: Topology }
  /** A PostgreSQL cluster, new and empty, and the shard that it is primary of. */
  | { kind: 'create-database'; node: NodeSpec; shard: string; slots: number[] }
  /** A copy of the shard's primary that follows it. */
  | { kind: 'clone-database'; node: NodeSpec; shard: string }
  /** Writes are held, the old primary ends, the replica has all of it and is promoted; the old one follows it. */
  | { kind: 'switch-primary'; shard: string; from: string; to: string }
  /** The primary is gone or made to be, for good, and a replica that has every acknowledged write is promoted. */
  | { kind: 'fail-over'; shard: string; from: string; to: string }
  /** The transactions that only the deposed primary had are written to a file. */
  | { kind: 'salvage-writes'; node: string; shard: string }
  /** A replica whose data is of no use is cloned anew. */
  | { kind: 'rebuild-replica'; node: string; shard: string }
  /** How many replicas a commit waits for. */
  | { kind: 'set-durability'; shard: string; durability: Durability }
  /** Stops a server that is not a primary and deletes its data. */
  | { kind: 'remove-database'; node: string; shard: string }
  /** A shared cache node that runs takes what the topology says of it. */
  | { kind: 'tune-cache'; node: string }
  /** These are one Redis Cluster, and nobody else is in it. */
  | { kind: 'form-cluster'; nodes: string[] }
  /** Processes that start from now on use this shared cache; null: none. */
  | { kind: 'use-cache'; cache: MapCache | null }
  /** What was remembered there while older processes, which know other nodes, changed what lies behind it. */
  | { kind: 'clear-cache'; nodes: string[] }
  /** From where sessions are read from now on. Every process forgets what it changes in the shared cache all the while. */
  | { kind: 'move-sessions'; to: 'database' | 'shared' }
  /** Processes that start from now on have jobs in these brokers too. They serve before anybody is told of them. */
  | { kind: 'use-queue'; queue: MapQueue }
  /** Whatever jobs and entries are left in these brokers are moved to the database. No process uses them any more. */
  | { kind: 'empty-broker'; nodes: string[] }
  /** As many processes of a role as the load asks for; the other roles stay as they are. */
  | { kind: 'set-scale'; web?: number; worker?: number }
  | { kind: 'start-node'; node: NodeSpec }
  /** Stops accepting on the public address; the node goes on serving behind it. */
  | { kind: 'leave-entry'; node: string }
  /** Drains, stops and forgets. */
  | { kind: 'stop-node'; node: string }
  /** The climb has arrived. */
  | { kind: 'reach-rung'; rung: number }

/** One line for people. */
export function titleOf(step: Step): string {
  switch (step.kind) {
    case 'set-topology':
      return `take over the settings of rung ${step.topology.rung}`
    case 'create-database':
      return `create database ${step.node.id} on ${step.node.host} for shard ${step.shard}`
    case 'clone-database':
      return `clone the primary of ${step.shard} to ${step.node.id} on ${step.node.host} and follow`
    case 'switch-primary':
      return `hold writes and make ${step.to} the primary of ${step.shard} in the place of ${step.from}`
    case 'fail-over':
      return `fence ${step.from} and promote ${step.to} to primary of ${step.shard}`
    case 'salvage-writes':
      return `write down what only ${step.node} had of ${step.shard}`
    case 'rebuild-replica':
      return `clone the primary of ${step.shard} to ${step.node} anew`
    case 'set-durability':
      return `durability of ${step.shard}: ${step.durability}`
    case 'remove-database':
      return `stop ${step.node} and delete its copy of the data`
    case 'tune-cache':
      return `${step.node} takes the settings of the shared cache`
    case 'form-cluster':
      return `make one Redis Cluster of ${step.nodes.join(', ')}`
    case 'use-cache':
      return step.cache
        ? `processes that start use the shared cache of ${step.cache.nodes.length} nodes`
        : 'processes that start use no shared cache'
    case 'clear-cache':
      return `forget what ${step.nodes.join(', ')} kept while processes with another cache were there`
    case 'move-sessions':
      return step.to === 'shared' ? 'read sessions from the shared cache' : 'read sessions from the database'
    case 'use-queue':
      return step.queue.nodes.length > 0
        ? `processes that start have jobs in the JetStream of ${step.queue.nodes.length === 1 ? 'one node' : `${step.queue.nodes.length} nodes`}`
        : 'processes that start have all jobs in the database'
    case 'empty-broker':
      return `move what is left in ${step.nodes.join(', ')} to the database`
    case 'set-scale':
      return `the load asks for ${describeScale(step)}`
    case 'start-node':
      return `start ${step.node.id} on ${step.node.host}${step.node.entry ? ', on the public address' : ''}`
    case 'leave-entry':
      return `${step.node} leaves the public address`
    case 'stop-node':
      return `drain and stop ${step.node}`
    case 'reach-rung':
      return `rung ${step.rung} is reached`
  }
}

function describeScale({ web, worker }: { web?: number; worker?: number }): string {
  const describe = (number: number | undefined, what: string) =>
    number === undefined ? [] : [`${number} ${what} ${number === 1 ? 'process' : 'processes'}`]
  return [...describe(web, 'web'), ...describe(worker, 'worker')].join(' and ')
}
