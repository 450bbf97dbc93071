// What one Redis of ours has on disk. The directory is closed to everybody but the user that the server runs as: it holds
// the password of replication, and the data.

import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { TenfoldError } from '../../base/errors.ts'

export interface RedisFiles {
  dir: string
  configuration: string
  /** The users and what they may (ACL file). */
  users: string
  /** Written by the server when it starts, removed when it stops in order. */
  pid: string
  log: string
  /** What it would read at its start, by the names that Redis has for them: its log of writes, and what it was sent as a replica. */
  kept: readonly string[]
  /** There while the app is kept out, see fence.ts. */
  fence: string
}

/** The user that a server runs as when we are root: whoever talks to the network needs no rights. */
export interface RedisOwner {
  uid: number
  gid: number
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

export async function makeRedisDir({ dir }: RedisFiles, owner: RedisOwner | undefined): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await chmod(dir, 0o700)
  if (owner) await chown(dir, owner.uid, owner.gid)
}

/** For a server that is to keep nothing: else its next start would bring back what it had, however long ago that was. */
export async function forgetKept({ kept }: RedisFiles): Promise<void> {
  await Promise.all(kept.map((path) => rm(path, { recursive: true, force: true })))
}

/** Whole or not at all, and for the server's user only. */
export async function writeSecret(path: string, text: string, owner: RedisOwner | undefined): Promise<void> {
  const fresh = `${path}.new`
  try {
    await writeFile(fresh, text, { mode: 0o600 })
    if (owner) await chown(fresh, owner.uid, owner.gid)
    await rename(fresh, path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code === 'ENOSPC' ? 'disk-full' : 'program-failed'
    throw new TenfoldError(code, `cannot write ${path}`, { cause: error })
  }
}

/** Undefined when we are not root, or there is no such user: the server then runs as ourselves. */
export async function findRedisOwner(): Promise<RedisOwner | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of ['redis', 'nobody']) {
    const [, , uid, gid] = lines.find(([user]) => user === name) ?? []
    // 32-bit ids: macOS writes nobody as -2.
    if (uid && gid) return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }
  }
  return undefined
}
