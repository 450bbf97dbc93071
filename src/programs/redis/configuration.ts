// The two files that a server reads, as text from plain values: redis.conf and its users.
//
// No command line carries a setting, since everybody on the machine can read that. Passwords of users stand as SHA-256,
// which is as much as Redis offers; they are long and random, so that nothing can be guessed from it.

import { createHash } from 'node:crypto'
import { TenfoldError } from '../../base/errors.ts'
import type { RedisSecrets, RedisSettings } from './contract.ts'
import type { RedisFiles } from './files.ts'

const connectionsMaxDefault = 10_000
const memoryBytesMin = 1024 * 1024
/** A replica that says nothing for this long does not count as one that follows (min-replicas-max-lag, whole seconds). */
const replicaLagSecondsMax = 2
/** Of what a client has not read: at any moment, above the largest answer there is (64 values of 1 MiB); and for longer than `unreadSeconds`. */
const unreadBytesMax = [128 * 1024 * 1024, 8 * 1024 * 1024]
const unreadSeconds = 5
/** A node of a cluster is thought dead after this; it has to outlast a pause of the machine. */
const clusterTimeoutMs = 2000

export function configurationOf(settings: RedisSettings, files: RedisFiles, secrets: RedisSecrets): string {
  const { address, port, memory, persistence, replicaOf, replicasMin = 0, cluster } = settings
  if (memory.bytesMax < memoryBytesMin)
    throw new TenfoldError('bad-input', `memory of ${memory.bytesMax} bytes is less than Redis itself needs`)
  if (cluster && replicaOf)
    throw new TenfoldError('bad-input', 'in a cluster nodes find their primary themselves: leave out replicaOf')
  const lines: Array<readonly [string, ...Array<string | number>]> = [
    // No second address: what is bound can be reached, and a password that is sent over a network can be read there.
    ['bind', address],
    ['port', port],
    ['protected-mode', 'yes'],
    ['enable-protected-configs', 'no'],
    ['enable-debug-command', 'no'],
    ['enable-module-command', 'no'],
    ['dir', files.dir],
    ['aclfile', files.users],
    ['pidfile', files.pid],
    // Where a process does not tell its directory, it is known by this (find-server.ts). A child has a title of its own.
    ['proc-title-template', '{title} {config-file}'],
    ['logfile', ''], // to stdout, which is our log file
    ['daemonize', 'no'],
    ['maxclients', settings.connectionsMax ?? connectionsMaxDefault],
    ['tcp-keepalive', 30],
    ['timeout', 0],
    ['shutdown-timeout', 3],
    // Word of changes for a process that stands still would take the place of all values, and it has to start anew anyhow.
    ['client-output-buffer-limit', 'normal', ...unreadBytesMax, unreadSeconds],
    ['maxmemory', memory.bytesMax],
    ['maxmemory-policy', memory.whenFull],
    ['lazyfree-lazy-eviction', 'yes'],
    ['lazyfree-lazy-expire', 'yes'],
    ['lazyfree-lazy-user-del', 'yes'],
    // Snapshots fork and double the memory for a moment: never for a cache, and the log of writes is enough otherwise.
    ['save', ''],
    ['appendonly', persistence === 'aof' ? 'yes' : 'no'],
    ['appendfsync', 'everysec'],
    ['masteruser', 'replica'],
    ['masterauth', secrets.replica],
    ['replica-announce-ip', address],
    ['replica-read-only', 'yes'],
    ['repl-diskless-sync', 'yes'],
    ['repl-diskless-sync-delay', 0],
    ['repl-timeout', 10],
    ['repl-ping-replica-period', 1],
    ['min-replicas-to-write', replicasMin],
    ['min-replicas-max-lag', replicaLagSecondsMax],
  ]
  if (replicaOf) lines.push(['replicaof', replicaOf.address, replicaOf.port])
  if (cluster)
    lines.push(
      ['cluster-enabled', 'yes'],
      ['cluster-config-file', 'nodes.conf'],
      ['cluster-port', cluster.busPort],
      ['cluster-announce-ip', address],
      ['cluster-node-timeout', clusterTimeoutMs],
      // A dead node takes its own share with it and not the others'.
      ['cluster-require-full-coverage', 'no'],
      ['cluster-allow-reads-when-down', 'no'],
    )
  return `# Written by Tenfold at every start; changes made here are lost.\n${lines
    .map(([name, ...values]) => [name, ...values.map(quoted)].join(' '))
    .join('\n')}\n`
}

/** With `isFenced` the app stays outside, see fence.ts. */
export function usersOf({ admin, app, replica }: RedisSecrets, { isFenced }: { isFenced: boolean }): string {
  return [
    'user default reset off',
    `user admin reset on #${sha256(admin)} ~* &* +@all`,
    // INFO and ROLE say which server this is and are needed to find out; CLUSTER SLOTS is not among the dangerous. Who has a new
    // connection ends its former one (the cache's link.ts).
    `user app reset ${isFenced ? 'off' : 'on'} #${sha256(app)} ~* &* +@all -@admin -@dangerous +info +role +client|kill`,
    `user replica reset on #${sha256(replica)} +psync +replconf +ping`,
    '',
  ].join('\n')
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** In double quotes redis.conf knows \" \\ and \xHH (sdssplitargs), and so carries any path. */
function quoted(value: string | number): string {
  if (typeof value === 'number') return String(value)
  if (/[\r\n\0]/.test(value)) throw new TenfoldError('bad-input', `${JSON.stringify(value)} cannot stand in redis.conf`)
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}
