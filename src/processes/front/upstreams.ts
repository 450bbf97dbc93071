// From the map to what the balancer is told: the web servers of a region that are there, and how the topology wants them asked.

import { nodesOf, type SystemMap } from '../../map/map.ts'
import type { HashOn, Upstreams } from '../../tiers/balancer/contract.ts'

export function upstreamsOf(map: SystemMap, region: string): Upstreams {
  const { front, web } = map.topology
  const servers = nodesOf(map, 'web')
    .filter((node) => node.region === region && (node.state === 'ready' || node.state === 'draining'))
    .map(({ id, address, port, state }) => {
      return { id, address, port, weight: front.weights[id] ?? 1, isDraining: state === 'draining' }
    })
  return {
    servers,
    hashOn: hashOnOf(front.hashOn),
    healthPath: web.healthPath,
    bodyBytesMax: web.bodyBytesMax,
    mode: front.mode,
    algorithm: front.algorithm,
    sticky: front.sticky,
    healthIntervalMs: front.healthIntervalMs,
    rise: front.rise,
    fall: front.fall,
    ejectAfter: front.ejectAfter,
    panicShare: front.panicShare,
    slowStartMs: front.slowStartMs,
    inFlightPerServerMax: front.inFlightPerServerMax,
    queueMax: front.queueMax,
    queueTimeoutMs: front.queueTimeoutMs,
    retriesMax: front.retriesMax,
    timeoutMs: front.timeoutMs,
  }
}

/** From `path`, `header:NAME` or `cookie:NAME`. */
function hashOnOf(text: string): HashOn {
  const [by, name] = text.split(':')
  return (by === 'header' || by === 'cookie') && name !== undefined ? { by, name } : { by: 'path' }
}
