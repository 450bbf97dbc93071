// What one Redis of ours has on disk. The directory is closed to everybody but the user that the server runs as: it holds
// the password of replication, and the data.

import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { ServerFiles } from '../find-server.ts'
import { findUnprivileged, type Unprivileged } from '../private-files.ts'

export interface RedisFiles extends ServerFiles {
  /** The users and what they may (ACL file). */
  users: string
  /** What it would read at its start, by the names that Redis has for them: its log of writes, and what it was sent as a replica. */
  kept: readonly string[]
  /** There while the app is kept out, see fence.ts. */
  fence: string
}

export function redisFilesOf(directory: string): RedisFiles {
  const dir = resolve(directory)
  return {
    dir,
    configuration: join(dir, 'redis.conf'),
    users: join(dir, 'users.acl'),
    pid: join(dir, 'redis.pid'),
    log: join(dir, 'redis.log'),
    kept: [join(dir, 'appendonlydir'), join(dir, 'dump.rdb')],
    fence: join(dir, 'fenced'),
  }
}

/** For a server that is to keep nothing: else its next start would bring back what it had, however long ago that was. */
export async function forgetKept({ kept }: RedisFiles): Promise<void> {
  await Promise.all(kept.map((path) => rm(path, { recursive: true, force: true })))
}

/** Undefined when we are not root, or there is no such user: the server then runs as ourselves. */
export function findRedisOwner(): Promise<Unprivileged | undefined> {
  return findUnprivileged(['redis', 'nobody'])
}
