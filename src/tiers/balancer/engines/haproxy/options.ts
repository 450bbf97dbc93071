// What the HAProxy engine is opened with, beside what the topology says of servers (contract.ts, Upstreams), and its bounds.

import type { AccessLogFormat } from '../../access-log/formats.ts'
import type { BalancerOptions } from '../../options.ts'

export interface HaproxyBalancerOptions extends Partial<BalancerOptions> {
  /** Its configuration, sockets and record; one HAProxy each. What still runs on it is taken over. */
  dir: string
  /**
   * Listening sockets of ours that it inherits when it is started, whether it is told to listen on them now, later or never:
   * a program that runs can be given no more of them.
   */
  descriptors?: readonly number[]
  /** One line for each request, written by HAProxy itself. */
  accessLog?: { file: string; format: AccessLogFormat }
  /** Addresses and networks whose X-Forwarded-* and Forwarded fields are believed, and who are not limited by address. */
  trustedPeers?: readonly string[]
  /** Connections to public listeners must begin with a PROXY header, and come from one of these. */
  proxyProtocol?: readonly string[]
  /** For listeners that end TLS: NAME.crt with NAME.key, or NAME.pem. Read again when `onChange` calls back. */
  tls?: { directory: string; onChange?: (listener: () => void) => () => void }
  /** Requests of one client address beyond it are answered 429. 0: as many as it likes. */
  requestsPerSecondPerAddress?: number
  limits?: Partial<HaproxyLimits>
  /** What went wrong behind the back of every caller: a HAProxy that died, or one that does not answer. */
  onTrouble?: (error: unknown) => void
}

export interface HaproxyLimits {
  /** From the first byte of a request to the end of its head. */
  headersTimeoutMs: number
  /** Silence of a client inside a body, or while an answer waits for it. */
  clientIdleTimeoutMs: number
  /** A connection between two requests. */
  keepAliveTimeoutMs: number
  /** Silence of a stream that is meant to be silent: upgraded connections, mode `tcp`, and answers that a client awaits as events. */
  tunnelIdleTimeoutMs: number
  connectTimeoutMs: number
  /** Connections in all; more wait unaccepted. */
  connectionsMax: number
  /** Connections from one address, trusted peers excepted. */
  connectionsPerAddressMax: number
  /** Addresses that are remembered for the two limits by address. */
  addressesMax: number
  backlog: number
  /** First line and fields of a message: HAProxy has them in one buffer, of which it keeps 1 KiB for what it adds. */
  bufferBytes: number
  headerFieldsMax: number
  /** How long a worker may go on with its connections after a reload. */
  oldWorkerMsMax: number
  /** Reloads that a worker may outlive; older ones are ended. */
  oldWorkersMax: number
  /** How often counters and health are read. */
  observeIntervalMs: number
  /** Listeners that an earlier owner left are closed when nobody has asked for them within this. */
  unclaimedMsMax: number
  /** A HAProxy that died is started again after this, and after twice as much each time until it holds. */
  restartDelayMs: number
  restartDelayMsMax: number
}

export const defaultHaproxyLimits: HaproxyLimits = {
  headersTimeoutMs: 10_000,
  clientIdleTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  tunnelIdleTimeoutMs: 3_600_000,
  connectTimeoutMs: 1_000,
  connectionsMax: 20_000,
  connectionsPerAddressMax: 2_048,
  addressesMax: 65_536,
  backlog: 1024,
  bufferBytes: 16_384,
  headerFieldsMax: 200,
  oldWorkerMsMax: 300_000,
  oldWorkersMax: 16,
  observeIntervalMs: 250,
  unclaimedMsMax: 30_000,
  restartDelayMs: 100,
  restartDelayMsMax: 5_000,
}
