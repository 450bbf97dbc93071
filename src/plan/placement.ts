// Where a new node goes: the lowest free number, host and port. Pure, so that a plan can be printed before it is done.

import { type MapNode, type Role, type SystemMap, tlsPortOffset } from '../map/map.ts'
import type { Topology } from '../topology/schema.ts'
import type { NodeSpec } from './step.ts'

/** Ports of nodes lie from port base + 100 on, but for the one of TLS; below are the other addresses that people use. */
const nodePortsFrom = 100
const nodePortsMax = 800

/** Hands out names and addresses, counting those that the plan has already given away. */
export class Placement {
  readonly #map: SystemMap
  readonly #nodes: Array<Pick<MapNode, 'id' | 'host'>>
  readonly #ports: Set<number>

  constructor(map: SystemMap) {
    this.#map = map
    this.#nodes = map.nodes.map(({ id, host }) => ({ id, host }))
    this.#ports = new Set(map.nodes.flatMap(({ port, busPort }) => (busPort === undefined ? [port] : [port, busPort])))
  }

  /** `beside`: on the region's first host, where the public address is. */
  place(role: Role, region: string, where: 'beside' | 'own', entry = false): NodeSpec {
    const number = lowestFree((n) => this.#nodes.some((node) => node.id === `${region}/${role}-${n}`))
    const hostNumber = where === 'beside' ? 1 : this.#freeHost(region)
    const spec: NodeSpec = {
      id: `${region}/${role}-${number}`,
      role,
      region,
      host: `${region}/host-${hostNumber}`,
      address: this.#map.hasHostAddresses ? `127.0.${this.#regionNumber(region)}.${hostNumber}` : '127.0.0.1',
      port: this.port(),
      entry,
    }
    this.#nodes.push(spec)
    return spec
  }

  /** One more, for a node that listens twice. */
  port(): number {
    const { portBase } = this.#map
    const offset = lowestFree((n) => n === tlsPortOffset || this.#ports.has(portBase + n), nodePortsFrom)
    if (offset >= nodePortsFrom + nodePortsMax) throw new RangeError(`no node port is free`)
    this.#ports.add(portBase + offset)
    return portBase + offset
  }

  #freeHost(region: string): number {
    return lowestFree((n) => n === 1 || this.#nodes.some((node) => node.host === `${region}/host-${n}`))
  }

  #regionNumber(region: string): number {
    return Math.max(
      0,
      this.#map.regions.findIndex((candidate) => candidate.id === region),
    )
  }
}

function lowestFree(isTaken: (n: number) => boolean, from = 1): number {
  let n = from
  while (isTaken(n)) n++
  return n
}

export function homeRegion(topology: Topology): string {
  return topology.regions[0]?.id ?? 'us-east'
}
