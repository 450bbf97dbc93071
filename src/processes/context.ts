// What every process of ours starts from: which node it is, the map, the secrets, a logger.
// The supervisor passes two words by environment, TENFOLD_HOME and TENFOLD_NODE; everything else is in the map.

import type { Logger } from 'pino'
import { TenfoldError } from '../base/errors.ts'
import { type Home, homeOf } from '../map/home.ts'
import { type MapNode, nodeOf } from '../map/map.ts'
import { readSecrets, type Secrets } from '../map/secrets.ts'
import { MapSubscription } from '../map/subscription.ts'
import { openLog } from './log.ts'

/** The public listening socket, where the node has it: the first descriptor after stdio (systemd's LISTEN_FDS). */
export const entryFd = 3
/** The one for TLS, where the node has it too. */
export const tlsEntryFd = 4

export interface ProcessContext {
  home: Home
  map: MapSubscription
  secrets: Secrets
  log: Logger
  nodeId: string
  /** This node's own entry in the newest map; its first one when the map no longer has it. */
  self(): MapNode
  /** True when the public listening socket was inherited as `entryFd`. */
  hasEntrySocket: boolean
  /** True when the one for TLS was, as `tlsEntryFd`. */
  hasTlsEntrySocket: boolean
  /** The whole system stops: nobody answers after us, so kept connections need not wait for a last request. */
  closesIdle: boolean
}

export async function openContext(env: NodeJS.ProcessEnv = process.env): Promise<ProcessContext> {
  const dir = env['TENFOLD_HOME']
  const nodeId = env['TENFOLD_NODE']
  if (!dir || !nodeId)
    throw new TenfoldError('bad-input', 'TENFOLD_HOME and TENFOLD_NODE must be set; `tenfold up` starts processes')
  const home = homeOf(dir)
  const map = new MapSubscription(home.map)
  await map.start()
  const first = nodeOf(map.current, nodeId)
  if (!first) throw new TenfoldError('not-found', `the map at ${home.map} has no node ${nodeId}`)
  return {
    home,
    map,
    secrets: await readSecrets(home),
    log: openLog(nodeId),
    nodeId,
    self: () => nodeOf(map.current, nodeId) ?? first,
    hasEntrySocket: Number(env['LISTEN_FDS'] ?? 0) >= 1,
    hasTlsEntrySocket: Number(env['LISTEN_FDS'] ?? 0) >= 2,
    closesIdle: false,
  }
}
