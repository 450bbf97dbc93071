// Where a system keeps its state: one directory, `.tenfold/` beside the app unless told otherwise.

import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export interface Home {
  dir: string
  map: string
  journal: string
  /** The plan by which a shard or a node is mended. */
  repairJournalOf(id: string): string
  secrets: string
  token: string
  /** One JSON-lines file per node. */
  logs: string
  /** Deployed assets of the app, of this version and earlier ones. */
  assets: string
  /** Every purge of the edge (processes/purges). */
  purges: string
  /** Unix sockets: the door of each process. */
  doors: string
  /** Pid of the supervisor. */
  supervisor: string
}

export function homeOf(dir: string): Home {
  const root = resolve(dir)
  return {
    dir: root,
    map: join(root, 'map.json'),
    journal: join(root, 'journal.json'),
    repairJournalOf: (id) => join(root, `repair-${fileNameOf(id)}.json`),
    secrets: join(root, 'secrets.json'),
    token: join(root, 'token'),
    logs: join(root, 'logs'),
    assets: join(root, 'assets'),
    purges: join(root, 'purges.log'),
    doors: doorsOf(root),
    supervisor: join(root, 'supervisor.json'),
  }
}

/** File-name form of a node id: `us-east/web-1` -> `us-east.web-1`. */
export function fileNameOf(nodeId: string): string {
  return nodeId.replace('/', '.')
}

export function logFileOf(home: Home, nodeId: string): string {
  return join(home.logs, `${fileNameOf(nodeId)}.log`)
}

/** What a front was asked, one line for each request, in a common format. Not among the logs that are searched. */
export function accessLogFileOf(home: Home, nodeId: string): string {
  return join(home.logs, `${fileNameOf(nodeId)}.access`)
}

/** What a front keeps on disk. */
export function edgeDirOf(home: Home, nodeId: string): string {
  return join(home.dir, 'edge', fileNameOf(nodeId))
}

/** Of a front whose balancer is a HAProxy. */
export function haproxyDirOf(home: Home, nodeId: string): string {
  return join(home.dir, 'haproxy', fileNameOf(nodeId))
}

/** Unix socket of a process's door. */
export function doorFileOf(home: Home, nodeId: string): string {
  return join(home.doors, `${fileNameOf(nodeId)}.sock`)
}

/** The path of a unix socket has at most 103 bytes (sun_path on macOS): below a deep directory it lives in the temporary one. */
function doorsOf(root: string): string {
  const beside = join(root, 'doors')
  const longestNameBytes = 40
  if (Buffer.byteLength(beside) + longestNameBytes <= 103) return beside
  return join(tmpdir(), `tenfold-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`)
}
