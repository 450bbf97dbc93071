// A step: one resumable change between two topologies. Pure data that leaves no choices for later.

import type { MapNode } from '../map/map.ts'
import type { Topology } from '../topology/schema.ts'

/** All that is decided about a node before it exists. */
export type NodeSpec = Pick<MapNode, 'id' | 'role' | 'region' | 'host' | 'address' | 'port' | 'entry'>

export type Step =
  /** The settings that every process reads from now on. */
  | { kind: 'set-topology'; topology: Topology }
  /** A PostgreSQL cluster, new and empty, and the shard that it is primary of. */
  | { kind: 'create-database'; node: NodeSpec; shard: string; slots: number[] }
  /** A copy of a primary that follows it. */
  | { kind: 'clone-database'; node: NodeSpec; shard: string; from: string }
  /** Writes are held, the replica catches up and is promoted, the old primary is fenced. */
  | { kind: 'switch-primary'; shard: string; from: string; to: string }
  /** Stops a server that is not a primary and deletes its data. */
  | { kind: 'remove-database'; node: string; shard: string }
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
      return `clone ${step.from} to ${step.node.id} on ${step.node.host} and follow`
    case 'switch-primary':
      return `hold writes, make ${step.to} the primary of ${step.shard}, fence ${step.from}`
    case 'remove-database':
      return `stop ${step.node} and delete its copy of the data`
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
