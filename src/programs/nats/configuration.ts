// The file that a server reads, as text from plain values.
//
// No command line carries a setting, since everybody on the machine can read that. Passwords stand as they are, as those of
// the cluster have to: the file is the server's alone (files.ts). Without monitoring: its port asks for no password.

import { TenfoldError } from '../../base/errors.ts'
import { type NatsSecrets, type NatsSettings, syncsAlways } from './contract.ts'
import type { NatsFiles } from './files.ts'

/** Of one message; the queue's own bound is far below. */
const payloadBytesMax = 1024 * 1024
const connectionsMax = 10_000
/** Of what a client has not read; it is cut off then. */
const unreadBytesMax = 64 * 1024 * 1024
/** A connection whose other end says nothing: twice in a row ends it. */
const pingSeconds = 10
const pingsMax = 2
/** A machine that is busy takes longer than the two seconds that the server gives. */
const authSeconds = 10

export function configurationOf(
  settings: NatsSettings,
  { pid, store }: NatsFiles,
  secrets: NatsSecrets,
  version: string,
): string {
  const { address, port, name, cluster, storeBytesMax } = settings
  const lines = [
    `server_name: ${quoted(name)}`,
    `listen: ${quoted(`${address}:${port}`)}`,
    `pid_file: ${quoted(pid)}`,
    `max_payload: ${payloadBytesMax}`,
    `max_connections: ${connectionsMax}`,
    `max_pending: ${unreadBytesMax}`,
    `ping_interval: "${pingSeconds}s"`,
    `ping_max: ${pingsMax}`,
    'jetstream {',
    `  store_dir: ${quoted(store)}`,
    ...(storeBytesMax === undefined ? [] : [`  max_file_store: ${storeBytesMax}`]),
    ...(syncsAlways(version) ? ['  sync_interval: always'] : []),
    '}',
    'accounts {',
    `  APP { jetstream: enabled, users: [{ user: app, password: ${quoted(secrets.app)} }] }`,
    `  SYS { users: [{ user: admin, password: ${quoted(secrets.admin)} }] }`,
    '}',
    'system_account: SYS',
    `authorization { timeout: ${authSeconds} }`,
  ]
  if (cluster) {
    const routes = cluster.peers.map((peer) =>
      quoted(`nats-route://route:${secrets.route}@${peer.address}:${peer.port}`),
    )
    lines.push(
      'cluster {',
      `  name: ${quoted(cluster.name)}`,
      `  listen: ${quoted(`${address}:${cluster.port}`)}`,
      `  authorization { user: route, password: ${quoted(secrets.route)}, timeout: ${authSeconds} }`,
      `  routes: [${routes.join(', ')}]`,
      '}',
    )
  }
  return `# Written by Tenfold at every start; changes made here are lost.\n${lines.join('\n')}\n`
}

/** In double quotes a value is text, whatever it begins with ($ would be a variable, digits a number). */
function quoted(value: string): string {
  if (/[\r\n\0]/.test(value)) throw new TenfoldError('bad-input', `${JSON.stringify(value)} cannot stand in nats.conf`)
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}
