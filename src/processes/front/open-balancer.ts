// The balancer of a front: the embedded one with the edge before it, or a HAProxy of its own. Both are told of clients what the
// topology says: who is believed, how much one may ask, with which certificates, and what is written down of it.

import { accessLogFileOf, haproxyDirOf } from '../../map/home.ts'
import type { Handler } from '../../net/http1/exchange.ts'
import { networksOf } from '../../net/network.ts'
import { openAccessLog } from '../../tiers/balancer/access-log/access-log.ts'
import type { Balancer, Upstreams } from '../../tiers/balancer/contract.ts'
import { openHaproxyBalancer } from '../../tiers/balancer/engines/haproxy/engine.ts'
import { openNodeBalancer } from '../../tiers/balancer/engines/node/engine.ts'
import { entryFd, type ProcessContext, tlsEntryFd } from '../context.ts'
import { type OpenedCertificates, openCertificates } from './certificates.ts'

export interface OpenedBalancer {
  balancer: Balancer
  /** It ends TLS on the listener for that. */
  endsTls: boolean
  /** After the balancer. */
  release(): void
}

type Edge = { handler(origin: Handler): Handler }

/** @throws bad-input when the directory of certificates has none that can be used; program-missing without HAProxy. */
export async function openBalancer(
  context: ProcessContext,
  upstreams: Upstreams,
  edge: Edge | undefined,
): Promise<OpenedBalancer> {
  const { home, log, map, hasTlsEntrySocket } = context
  const { appDir, topology } = map.current
  const { front } = topology
  const onTrouble = (message: string) => log.error(message)
  const tls =
    hasTlsEntrySocket && front.tls.enabled ? await openCertificates(topology, { home, appDir, onTrouble }) : undefined
  try {
    const balancer =
      front.engine === 'haproxy'
        ? await openHaproxy(context, upstreams, tls)
        : await openNode(context, upstreams, edge, tls)
    return { balancer, endsTls: tls !== undefined, release: () => tls?.certificates.close() }
  } catch (error) {
    tls?.certificates.close()
    throw error
  }
}

async function openNode(
  context: ProcessContext,
  upstreams: Upstreams,
  edge: Edge | undefined,
  tls: OpenedCertificates | undefined,
): Promise<Balancer> {
  const { home, nodeId, map } = context
  const { connectionsMax, connectionsPerAddressMax, accessLog, ...front } = map.current.topology.front
  const file = accessLogFileOf(home, nodeId)
  return openNodeBalancer(upstreams, {
    server: { connectionsMax, connectionsPerAddressMax },
    requestsPerSecondPerAddress: front.requestsPerSecondPerAddress,
    ...(front.trustedProxies.length > 0 && { trustedPeers: networksOf(front.trustedProxies) }),
    ...(front.proxyProtocol.length > 0 && { proxyProtocol: { from: networksOf(front.proxyProtocol) } }),
    ...(tls && { tls: { certificates: tls.certificates, ticketSecret: ticketSecretOf(context) } }),
    ...(accessLog !== 'off' && { accessLog: await openAccessLog({ file, format: accessLog }) }),
    ...(edge && { before: (origin) => edge.handler(origin) }),
  })
}

/** It outlives this process: the next one of this front takes it over. */
async function openHaproxy(
  context: ProcessContext,
  upstreams: Upstreams,
  tls: OpenedCertificates | undefined,
): Promise<Balancer> {
  const { home, nodeId, map, log, hasEntrySocket, hasTlsEntrySocket } = context
  const { connectionsMax, connectionsPerAddressMax, accessLog, ...front } = map.current.topology.front
  return openHaproxyBalancer(upstreams, {
    dir: haproxyDirOf(home, nodeId),
    descriptors: [...(hasEntrySocket ? [entryFd] : []), ...(hasTlsEntrySocket ? [tlsEntryFd] : [])],
    requestsPerSecondPerAddress: front.requestsPerSecondPerAddress,
    limits: { connectionsMax, connectionsPerAddressMax },
    ...(front.trustedProxies.length > 0 && { trustedPeers: front.trustedProxies }),
    ...(front.proxyProtocol.length > 0 && { proxyProtocol: front.proxyProtocol }),
    ...(tls && { tls: { directory: tls.directory, onChange: (changed) => tls.certificates.onChange(changed) } }),
    ...(accessLog !== 'off' && { accessLog: { file: accessLogFileOf(home, nodeId), format: accessLog } }),
    onTrouble: (error) => log.error({ err: error }, 'HAProxy'),
  })
}

/** All fronts understand each other's tickets; the keys that are drawn from it say nothing of what else it signs (HKDF). */
function ticketSecretOf({ secrets }: ProcessContext): Buffer {
  return Buffer.from(secrets.controlToken)
}
