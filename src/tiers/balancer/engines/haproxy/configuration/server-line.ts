// One server of a backend, as a line of the configuration or as the arguments of `add server`. Everything is said in full each
// time: a server that is added to a running HAProxy takes nothing from `default-server` (haproxy issue 1994).

import { isIPv6 } from 'node:net'
import type { Upstream, Upstreams } from '../../../contract.ts'
import { cookieValue, serverName, serverNumber } from '../server-names.ts'
import { milliseconds } from './text.ts'

const weightMax = 256
/** Of a server of weight 1: HAProxy knows whole numbers only. */
const weightUnit = 16
/** Idle connections to a server that nobody needs are closed soon: a server that drains waits for them. */
const purgeDelayMs = 200

/** `NAME ADDRESS:PORT KEYWORDS`, without what only a configuration can say. */
export function serverArguments(
  upstream: Upstream,
  upstreams: Upstreams,
  { isChecked }: { isChecked: boolean },
): string {
  const { address, port } = upstream
  const { inFlightPerServerMax, sticky, slowStartMs, healthIntervalMs, rise, fall } = upstreams
  const isReserve = !isChecked
  const words = [
    serverName(upstream),
    `${isIPv6(address) ? `[${address}]` : address}:${port}`,
    `id ${serverNumber(upstream)}`,
    `weight ${serverWeight(upstream, upstreams, { isReserve })}`,
    `maxconn ${inFlightPerServerMax}`,
    // Whose server is full is sent to another one, instead of waiting for it alone.
    sticky === 'cookie' && 'maxqueue 1',
    `pool-purge-delay ${milliseconds(purgeDelayMs)}`,
    isChecked && `check inter ${milliseconds(healthIntervalMs)} rise ${rise} fall ${fall}`,
    // One refused connection takes it out at once, until its checks are good again.
    isChecked && 'observe layer4 error-limit 1 on-error mark-down',
    isChecked && slowStartMs > 0 && `slowstart ${milliseconds(slowStartMs)}`,
  ]
  return words.filter(Boolean).join(' ')
}

export function serverLine(upstream: Upstream, upstreams: Upstreams, { isChecked }: { isChecked: boolean }): string {
  const words = [
    'server',
    serverArguments(upstream, upstreams, { isChecked }),
    upstreams.sticky === 'cookie' && upstreams.mode === 'http' && `cookie ${cookieValue(upstream)}`,
    upstream.isDraining && 'disabled',
  ]
  return words.filter(Boolean).join(' ')
}

/** Of weight 0 are only those that are asked when nobody else is there: the reserve asks them like the others. */
export function serverWeight(
  { weight }: Upstream,
  { algorithm, servers }: Upstreams,
  { isReserve = false } = {},
): number {
  if (weight === 0) return isReserve ? weightUnit : 0
  if (algorithm === 'round-robin') return weightUnit
  const most = Math.max(...servers.map((server) => server.weight))
  const unit = Math.min(weightUnit, weightMax / most)
  return Math.max(1, Math.round(weight * unit))
}
