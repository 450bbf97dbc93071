// NATS as a server with a directory of its own (directory-server.ts): what it reads at its start, and how it is asked whether it
// is the one. It is stopped by SIGTERM and not by its lame duck mode, which keeps clients for minutes: ours know the other servers.

import { TenfoldError } from '../../base/errors.ts'
import { type StartedServer, startServer, waitForServer } from '../directory-server.ts'
import { findServer, isServerOf, type ServerProgram } from '../find-server.ts'
import { writePrivate } from '../private-files.ts'
import { NatsAdmin } from './admin.ts'
import { findNats } from './binary.ts'
import { configurationOf } from './configuration.ts'
import type { NatsSecrets, NatsSettings } from './contract.ts'
import { findNatsOwner, type NatsFiles } from './files.ts'

const program: ServerProgram = {
  name: 'NATS',
  file: 'nats-server',
  argumentsFor: ({ configuration }) => ['--config', configuration],
}

interface StartOptions {
  files: NatsFiles
  settings: NatsSettings
  secrets: NatsSecrets
  /** It reads what it has of every stream before it listens: some seconds for each GB. */
  timeoutMs: number
}

/**
 * Resolves when the server answers, which is before a cluster has agreed on anything; on a directory that is served already
 * with that server's pid.
 * @throws port-taken, disk-full, program-failed with the end of its log, unauthorized when one that runs has other
 * passwords, timeout.
 */
export async function startNats({ files, settings, secrets, timeoutMs }: StartOptions): Promise<StartedServer> {
  const { address, port, cluster } = settings
  const owner = await findNatsOwner()
  return startServer(program, {
    files,
    owner,
    listensAt: { address, ports: [port, ...(cluster ? [cluster.port] : [])] },
    async configure() {
      const { path, version } = await findNats()
      await writePrivate(files.configuration, configurationOf(settings, files, secrets, version), owner)
      return path
    },
    waitFor: (pid) => waitForNats({ settings, secrets, pid, timeoutMs }),
  })
}

/** The server of a directory, whoever started it; undefined when none runs. One that is paused counts as running. */
export function natsPid(files: NatsFiles): number | undefined {
  return findServer(program, files)
}

/** Whether that process is the server of that directory, and not another program that has its pid by now. */
export function isNatsOf(files: NatsFiles, pid: number): boolean {
  return isServerOf(pid, program, files)
}

/**
 * @throws program-failed as soon as the process is gone, port-taken when another server answers there, unauthorized on a
 * wrong password, timeout.
 */
export function waitForNats({
  settings: { address, port, name },
  secrets,
  pid,
  timeoutMs,
}: Omit<StartOptions, 'files'> & { pid: number }): Promise<void> {
  const ask = async () => {
    await using admin = await NatsAdmin.connect({ address, port, secrets })
    if (admin.serverName !== name)
      throw new TenfoldError('port-taken', `${address}:${port} is served by ${admin.serverName}, not by ${name}`)
  }
  return waitForServer({ what: `NATS at ${address}:${port}`, pid, ask, timeoutMs })
}
