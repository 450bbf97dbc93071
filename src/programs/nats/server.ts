// Starts, awaits and stops a server. It is a process of its own: it outlives whoever started it, and whoever comes later
// finds it by its directory alone and takes it over.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { systemClock } from '../../base/clock.ts'
import { isTenfoldError, TenfoldError } from '../../base/errors.ts'
import { canReach } from '../postgres/owner.ts'
import { makePrivateDir, readNewLog, type Unprivileged, writePrivate } from '../private-files.ts'
import { endsBy, isProcessAlive } from '../process.ts'
import { NatsAdmin } from './admin.ts'
import { findNats } from './binary.ts'
import { configurationOf } from './configuration.ts'
import type { NatsBinary, NatsSecrets, NatsSettings } from './contract.ts'
import { findNatsOwner, type NatsFiles } from './files.ts'

const pollMs = 10
const killWaitMs = 5000
const logLinesShown = 8

export interface StartOptions {
  binary?: NatsBinary
  files: NatsFiles
  settings: NatsSettings
  secrets: NatsSecrets
  /** It reads what it has of every stream before it listens: some seconds for each GB. */
  timeoutMs: number
}

export interface RunningNats {
  pid: number
  /** It ran already, with the configuration of its own start. */
  isAdopted: boolean
}

/**
 * Resolves when the server answers, which is before a cluster has agreed on anything; on a directory that is served already
 * with that server's pid.
 * @throws port-taken, disk-full, program-failed with the end of its log, unauthorized when one that runs has other
 * passwords, timeout.
 */
export async function startNats({ binary, files, settings, secrets, timeoutMs }: StartOptions): Promise<RunningNats> {
  const running = natsPid(files)
  if (running !== undefined) {
    await waitForNats({ settings, secrets, pid: running, timeoutMs })
    return { pid: running, isAdopted: true }
  }
  const { path, version } = binary ?? (await findNats())
  const owner = await findNatsOwner()
  await makePrivateDir(files.dir, owner)
  if (owner && !(await canReach(files.dir, { user: 'nats', ...owner })))
    throw new TenfoldError(
      'program-failed',
      `the user that NATS runs as cannot reach ${files.dir}: use another directory`,
    )
  await rm(files.pid, { force: true })
  await writePrivate(files.configuration, configurationOf(settings, files, secrets, version), owner)
  const log = await open(files.log, 'a+', 0o600)
  const { size } = await log.stat()
  try {
    const server = await launch(path, files, log.fd, owner)
    const pid = server.pid as number
    try {
      await waitForNats({ settings, secrets, pid, timeoutMs })
    } catch (error) {
      if (isProcessAlive(pid)) await stopNats(pid, 0)
      throw isTenfoldError(error, 'program-failed') ? explainExit(await readNewLog(log, size), files, settings) : error
    }
    return { pid, isAdopted: false }
  } finally {
    await log.close()
  }
}

/** The server of a directory, whoever started it; undefined when none runs. One that is paused counts as running. */
export function natsPid(files: NatsFiles): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(files.pid, 'latin1'), 10)
    return Number.isSafeInteger(pid) && pid > 0 && isProcessAlive(pid) && isServerOf(pid, files) ? pid : undefined
  } catch {
    return undefined
  }
}

/**
 * @throws program-failed as soon as the process is gone, port-taken when another server answers there, unauthorized on a
 * wrong password, timeout.
 */
export async function waitForNats({
  settings,
  secrets,
  pid,
  timeoutMs,
}: Pick<StartOptions, 'settings' | 'secrets' | 'timeoutMs'> & { pid: number }): Promise<void> {
  const { address, port, name } = settings
  const deadline = systemClock.monotonic() + timeoutMs
  for (;;) {
    if (!isProcessAlive(pid))
      throw new TenfoldError('program-failed', `NATS at ${address}:${port} (process ${pid}) died; see its log`)
    try {
      await using admin = await NatsAdmin.connect({ address, port, secrets })
      if (admin.serverName === name) return
      throw new TenfoldError('port-taken', `${address}:${port} is served by ${admin.serverName}, not by ${name}`)
    } catch (error) {
      // Another server on that port may also be the one that refuses the password: the process dies of it in a moment.
      if (isTenfoldError(error, 'port-taken')) throw error
      if (systemClock.monotonic() >= deadline) {
        if (isTenfoldError(error, 'unauthorized')) throw error
        throw new TenfoldError('timeout', `NATS at ${address}:${port} did not answer within ${timeoutMs} ms`, {
          cause: error,
        })
      }
    }
    await systemClock.sleep(pollMs)
  }
}

/** Resolves when the process is gone: in order within `timeoutMs`, else killed. May be called for one that is gone. */
export async function stopNats(pid: number, timeoutMs: number): Promise<'stopped' | 'killed'> {
  // Not by its lame duck mode, which keeps clients for minutes: ours know the other servers.
  if (await endsBy(pid, 'SIGTERM', { withinMs: timeoutMs, pollMs })) return 'stopped'
  if (await endsBy(pid, 'SIGKILL', { withinMs: killWaitMs, pollMs })) return 'killed'
  throw new TenfoldError('timeout', `process ${pid} does not die, not even by SIGKILL: it hangs in the kernel`)
}

async function launch(
  path: string,
  files: NatsFiles,
  logFd: number,
  owner: Unprivileged | undefined,
): Promise<ChildProcess> {
  const server = spawn(path, ['--config', files.configuration], {
    cwd: files.dir,
    detached: true,
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin', TZ: 'UTC' },
    stdio: ['ignore', logFd, logFd],
    ...(owner && { uid: owner.uid, gid: owner.gid }),
  })
  await new Promise<void>((resolve, reject) => {
    server.once('spawn', resolve)
    server.once('error', (error) => reject(new TenfoldError('program-missing', `cannot run ${path}`, { cause: error })))
  })
  server.unref()
  return server
}

/** Its pid may belong to another program by now. We start it in its own directory, and that is told without asking it. */
function isServerOf(pid: number, files: NatsFiles): boolean {
  if (process.platform === 'linux') return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(files.dir)
  return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes('nats-server')
}

function explainExit(output: string, { dir, log }: NatsFiles, { address, port, cluster }: NatsSettings): TenfoldError {
  const lines = output.trim().split('\n').slice(-logLinesShown).join('\n')
  const make = (code: 'port-taken' | 'disk-full' | 'program-failed', message: string) =>
    new TenfoldError(code, `${message}. Its log (${log}) ends with:\n${lines}`, { details: { dir, address, port } })
  if (/address already in use/.test(output))
    return make(
      'port-taken',
      `another program listens on ${address}:${port}${cluster ? ` or :${cluster.port}` : ''}, NATS cannot`,
    )
  if (/no space left on device|disk quota exceeded/i.test(output))
    return make('disk-full', `the disk that holds ${dir} is full; free some space and start again`)
  return make('program-failed', `NATS in ${dir} did not start`)
}
