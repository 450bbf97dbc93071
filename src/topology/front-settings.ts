// What a front reads once, at its start: what it listens on and how, and what it is built of. A change of it means new front
// processes beside the old ones; everything else of the topology a front follows while it runs.

import type { Topology } from './schema.ts'

/** Whether a front that read these ends TLS. */
export function endsTls(settings: string): boolean {
  const { 6: tls } = JSON.parse(settings) as { 6: Partial<Topology['front']['tls']> | undefined }
  return tls?.enabled === true
}

/** As one word to compare. */
export function frontSettingsOf({ front, edge }: Topology): string {
  const { engine, mode, connectionsMax, connectionsPerAddressMax, requestsPerSecondPerAddress } = front
  const { trustedProxies, proxyProtocol, accessLog, tls } = front
  const limits = [connectionsMax, connectionsPerAddressMax, requestsPerSecondPerAddress]
  return JSON.stringify([engine, mode, limits, trustedProxies, proxyProtocol, accessLog, tls, edge.enabled])
}
