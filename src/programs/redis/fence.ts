// The fence of a deposed primary: the app stays outside and who is in is thrown out, while the supervisor and replication
// still come in. It is a file in the server's directory, so that it holds for a server that is down, too, and survives a
// restart. What a client sees of it: its connection ends, and the next one is refused (WRONGPASS).

import { rm } from 'node:fs/promises'
import { writePrivate } from '../private-files.ts'
import { RedisAdmin } from './admin.ts'
import { usersOf } from './configuration.ts'
import type { RedisAddress, RedisSecrets } from './contract.ts'
import { findRedisOwner, type RedisFiles } from './files.ts'
import { redisPid } from './server.ts'

/** @throws timeout when the server runs and hangs: only its end is a fence then. May be called again. */
export async function raiseFence(files: RedisFiles, at: RedisAddress & { secrets: RedisSecrets }): Promise<void> {
  await writePrivate(files.fence, 'the app is kept out of this server\n', await findRedisOwner())
  await setFence(files, at, true)
}

export async function lowerFence(files: RedisFiles, at: RedisAddress & { secrets: RedisSecrets }): Promise<void> {
  await rm(files.fence, { force: true })
  await setFence(files, at, false)
}

async function setFence(
  files: RedisFiles,
  { address, port, secrets }: RedisAddress & { secrets: RedisSecrets },
  isFenced: boolean,
): Promise<void> {
  await writePrivate(files.users, usersOf(secrets, { isFenced }), await findRedisOwner())
  if (redisPid(files) === undefined) return
  using admin = await RedisAdmin.connect({ address, port, secrets })
  // Not ACL LOAD: before 7.2 it ends every connection, those of replication too.
  await admin.command('ACL', 'SETUSER', 'app', isFenced ? 'off' : 'on')
  // Users that are off keep the connections that they have.
  if (isFenced) await admin.command('CLIENT', 'KILL', 'USER', 'app')
}
