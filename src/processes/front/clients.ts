// From the topology to how clients are met: who is believed, how much one may ask, with which certificates, and what is written
// down of it.

import { join, resolve } from 'node:path'
import { accessLogFileOf } from '../../map/home.ts'
import { networksOf } from '../../net/network.ts'
import { Certificates } from '../../net/tls/certificates.ts'
import { ensureLocalCertificate } from '../../net/tls/local-certificate.ts'
import { openAccessLog } from '../../tiers/balancer/access-log/access-log.ts'
import type { NodeBalancerOptions } from '../../tiers/balancer/engines/node/engine.ts'
import type { ProcessContext } from '../context.ts'

export interface Clients {
  options: NodeBalancerOptions
  /** After the balancer. */
  close(): void
}

/** @throws bad-input when the directory of certificates has none that can be used. */
export async function openClients(context: ProcessContext): Promise<Clients> {
  const { home, nodeId, map, hasTlsEntrySocket } = context
  const { front } = map.current.topology
  const { connectionsMax, connectionsPerAddressMax, requestsPerSecondPerAddress, trustedProxies, proxyProtocol } = front
  const certificates = hasTlsEntrySocket && front.tls.enabled ? await openCertificates(context) : undefined
  const file = accessLogFileOf(home, nodeId)
  return {
    options: {
      server: { connectionsMax, connectionsPerAddressMax },
      requestsPerSecondPerAddress,
      ...(trustedProxies.length > 0 && { trustedPeers: networksOf(trustedProxies) }),
      ...(proxyProtocol.length > 0 && { proxyProtocol: { from: networksOf(proxyProtocol) } }),
      ...(certificates && { tls: { certificates, ticketSecret: ticketSecretOf(context) } }),
      ...(front.accessLog !== 'off' && { accessLog: await openAccessLog({ file, format: front.accessLog }) }),
    },
    close: () => certificates?.close(),
  }
}

/** Those of the user, else of the system's own directory, where one for local use is made. */
async function openCertificates({ home, map, log }: ProcessContext): Promise<Certificates> {
  const { appDir, topology } = map.current
  const own = topology.front.tls.certificates
  const directory = own === undefined ? join(home.dir, 'certificates') : resolve(appDir, own)
  if (own === undefined) await ensureLocalCertificate(directory)
  return Certificates.open(directory, { onTrouble: (message) => log.error(message) })
}

/** All fronts understand each other's tickets; the keys that are drawn from it say nothing of what else it signs (HKDF). */
function ticketSecretOf({ secrets }: ProcessContext): Buffer {
  return Buffer.from(secrets.cookieKeys[0] ?? secrets.controlToken)
}
