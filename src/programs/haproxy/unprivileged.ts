// The user that workers run as when we are root: what meets the world needs no rights. The master keeps ours, for reloads.

import { readFile } from 'node:fs/promises'

export interface UnprivilegedUser {
  uid: number
  gid: number
}

/** Undefined when we are not root, or there is no such user: workers then run as ourselves. */
export async function findUnprivileged(): Promise<UnprivilegedUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of ['haproxy', 'nobody']) {
    const [, , uid, gid] = lines.find(([user]) => user === name) ?? []
    // 32-bit ids: macOS writes nobody as -2.
    if (uid && gid) return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }
  }
  return undefined
}
