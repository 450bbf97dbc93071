// Redis as a server with a directory of its own (directory-server.ts): what it reads at its start, and how it is asked whether
// it is the one.

import { access } from 'node:fs/promises'
import { TenfoldError } from '../../base/errors.ts'
import { type StartedServer, startServer, waitForServer } from '../directory-server.ts'
import { findServer, isServerOf, type ServerProgram } from '../find-server.ts'
import { writePrivate } from '../private-files.ts'
import { RedisAdmin } from './admin.ts'
import { findRedis } from './binary.ts'
import { configurationOf, usersOf } from './configuration.ts'
import type { RedisSecrets, RedisSettings } from './contract.ts'
import { findRedisOwner, forgetKept, type RedisFiles } from './files.ts'

const program: ServerProgram = {
  name: 'Redis',
  file: 'redis-server',
  argumentsFor: ({ configuration }) => [configuration],
}

interface StartOptions {
  files: RedisFiles
  settings: RedisSettings
  secrets: RedisSecrets
  /** A log of writes that is loaded takes about a second for each 200 MB. */
  timeoutMs: number
}

/**
 * Resolves when the server answers; on a directory that is served already with that server's pid.
 * @throws port-taken, disk-full, program-failed with the end of its log, unauthorized when one that runs has other
 * passwords, timeout.
 */
export async function startRedis({ files, settings, secrets, timeoutMs }: StartOptions): Promise<StartedServer> {
  const { address, port, cluster } = settings
  const owner = await findRedisOwner()
  return startServer(program, {
    files,
    owner,
    listensAt: { address, ports: [port, ...(cluster ? [cluster.busPort] : [])] },
    async configure() {
      const { path } = await findRedis()
      if (settings.persistence === 'off') await forgetKept(files)
      await writePrivate(files.configuration, configurationOf(settings, files, secrets), owner)
      await writePrivate(files.users, usersOf(secrets, { isFenced: await isThere(files.fence) }), owner)
      return path
    },
    waitFor: (pid) => waitForRedis({ settings, secrets, pid, timeoutMs }),
  })
}

/** The server of a directory, whoever started it; undefined when none runs. One that is paused counts as running. */
export function redisPid(files: RedisFiles): number | undefined {
  return findServer(program, files)
}

/** Whether that process is the server of that directory, and not another program that has its pid by now. */
export function isRedisOf(files: RedisFiles, pid: number): boolean {
  return isServerOf(pid, program, files)
}

/**
 * @throws program-failed as soon as the process is gone, port-taken when another process answers there, unauthorized on a
 * wrong password, timeout.
 */
export function waitForRedis({
  settings: { address, port },
  secrets,
  pid,
  timeoutMs,
}: Omit<StartOptions, 'files'> & { pid: number }): Promise<void> {
  const ask = async () => {
    using admin = await RedisAdmin.connect({ address, port, secrets })
    const servedBy = Number((await admin.info('server')).get('process_id'))
    if (servedBy !== pid)
      throw new TenfoldError('port-taken', `${address}:${port} is served by process ${servedBy}, not by ${pid}`)
  }
  return waitForServer({ what: `Redis at ${address}:${port}`, pid, ask, timeoutMs })
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
