// Files and directories that only one server reads: its configuration with the passwords, its data. When we are root, a
// server runs as a user without rights, and they are that user's.

import { chmod, chown, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { TenfoldError } from '../base/errors.ts'

/** The user that a server runs as when we are root: whoever talks to the network needs no rights. */
export interface Unprivileged {
  uid: number
  gid: number
}

/** The first of these that the machine has. Undefined when we are not root, or there is none: the server then runs as ourselves. */
export async function findUnprivileged(names: readonly string[]): Promise<Unprivileged | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of names) {
    const [, , uid, gid] = lines.find(([user]) => user === name) ?? []
    // 32-bit ids: macOS writes nobody as -2.
    if (uid && gid) return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }
  }
  return undefined
}

export async function makePrivateDir(dir: string, owner: Unprivileged | undefined): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await chmod(dir, 0o700)
  if (owner) await chown(dir, owner.uid, owner.gid)
}

/** Whole or not at all, and for the server's user only. */
export async function writePrivate(path: string, text: string, owner: Unprivileged | undefined): Promise<void> {
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
