// The fence of a deposed primary: nobody but the supervisor and replication gets in, and who is in is thrown out.
//
// What a router sees of it: 57P01 (admin_shutdown) on connections that it had, 28000 (invalid_authorization_
// specification, "pg_hba.conf rejects connection") on new ones. Both mean: this is not the primary any more, read the
// map again. A statement that 57P01 met outside of COMMIT has not happened.
//
// The fence is a file in the data directory that pg_hba.conf includes, so that it survives a restart, holds for a server
// that is down, and is not opened when the cluster is configured anew. A clone leaves it out.

import { access, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fencedAccess, fenceFileName } from './access.ts'
import { replaceConfig } from './configure.ts'

export async function isFenced(dataDir: string): Promise<boolean> {
  return access(join(dataDir, fenceFileName)).then(
    () => true,
    () => false,
  )
}

/** Holds from the server's next reload or start. May be called again. */
export async function raiseFence(dataDir: string): Promise<void> {
  await replaceConfig(join(dataDir, fenceFileName), fencedAccess)
}

export async function lowerFence(dataDir: string): Promise<void> {
  await rm(join(dataDir, fenceFileName), { force: true })
}
