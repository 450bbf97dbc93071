// Who a server runs as, and where its data may lie so that this user can reach it.
// PostgreSQL refuses to run as root, so that root hands its servers to `postgres`, or to `nobody` where that is missing.

import { chmod, chown, lstat, mkdir, readFile, realpath, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { TenfoldError } from '../../base/errors.ts'
import { fileNameOf } from '../../map/home.ts'
import type { ServerOwner } from './contract.ts'

/** Where root keeps what an unprivileged user must reach, when the system's own directory is closed to it. */
export const sharedDir = '/var/lib/tenfold'

/** Undefined when we are not root: servers then run as ourselves. */
export async function findOwner(): Promise<ServerOwner | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const [user, , uid, gid] = lines.find(([user]) => user === name) ?? []
    // 32-bit ids: macOS writes nobody as -2.
    if (user && uid && gid) return { user, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }
  }
  throw new TenfoldError(
    'program-failed',
    'PostgreSQL does not run as root, and /etc/passwd has neither `postgres` nor `nobody`; start Tenfold as another user',
  )
}

/**
 * The directory for a node's data: below the system's own directory where the server's user can reach it, else below
 * /var/lib/tenfold. Makes the parents, not the directory itself. May be called again: it answers the same.
 */
export async function placeDataDir(homeDir: string, systemId: string, nodeId: string): Promise<string> {
  const owner = await findOwner()
  const beside = join(resolve(homeDir), 'nodes')
  if (!owner) {
    await mkdir(beside, { recursive: true, mode: 0o700 })
    return join(beside, fileNameOf(nodeId))
  }
  const parent = (await canReach(await nearestExisting(beside), owner)) ? beside : join(sharedDir, systemId)
  await makePassage(parent)
  return join(parent, fileNameOf(nodeId))
}

/** Whether the user may enter `path`: it and every directory above it, symbolic links resolved, has x for that user. */
export async function canReach(path: string, { uid, gid }: Pick<ServerOwner, 'uid' | 'gid'>): Promise<boolean> {
  for (let dir = await realpath(path); ; dir = dirname(dir)) {
    const { mode, uid: dirUid, gid: dirGid } = await stat(dir)
    const bit = dirUid === uid ? 0o100 : dirGid === gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return false
    if (dir === dirname(dir)) return true
  }
}

/** Gives a file or directory to the server's user; nothing to do when that is ourselves. */
export async function giveTo(owner: ServerOwner | undefined, path: string): Promise<void> {
  if (owner) await chown(path, owner.uid, owner.gid)
}

/**
 * The user that already owns a cluster. Root runs an existing one as its owner, so that a system which was first
 * started by a person and later by root (or the other way round) keeps its data.
 */
export async function ownerOfCluster(dataDir: string): Promise<ServerOwner | undefined> {
  const owner = await findOwner()
  const { uid, gid } = await stat(dataDir)
  if (!owner || owner.uid === uid || uid === 0) return owner
  return { user: String(uid), uid, gid }
}

/** Directories that others may pass through but not list: names of nodes are nobody's business. */
async function makePassage(dir: string): Promise<void> {
  if (await exists(dir)) return
  await makePassage(dirname(dir))
  await mkdir(dir, { recursive: true })
  // The umask may have taken the x away, so that mkdir's own mode is not enough.
  await chmod(dir, 0o711)
}

async function nearestExisting(path: string): Promise<string> {
  return (await exists(path)) ? path : nearestExisting(dirname(path))
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
