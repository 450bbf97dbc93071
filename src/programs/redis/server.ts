// Starts, awaits and stops a server. It is a process of its own: it outlives whoever started it, and whoever comes later
// finds it by its directory alone and takes it over.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { access, open, rm } from 'node:fs/promises'
import { systemClock } from '../../base/clock.ts'
import { isTenfoldError, TenfoldError } from '../../base/errors.ts'
import { canReach } from '../postgres/owner.ts'
import { makePrivateDir, readNewLog, type Unprivileged, writePrivate } from '../private-files.ts'
import { endsBy, isProcessAlive } from '../process.ts'
import { RedisAdmin } from './admin.ts'
import { findRedis } from './binary.ts'
import { configurationOf, usersOf } from './configuration.ts'
import type { RedisBinary, RedisSecrets, RedisSettings } from './contract.ts'
import { findRedisOwner, forgetKept, type RedisFiles } from './files.ts'

const pollMs = 10
const killWaitMs = 5000
const logLinesShown = 8

export interface StartOptions {
  binary?: RedisBinary
  files: RedisFiles
  settings: RedisSettings
  secrets: RedisSecrets
  /** A log of writes that is loaded takes about a second for each 200 MB. */
  timeoutMs: number
}

export interface RunningRedis {
  pid: number
  /** It ran already, with the configuration of its own start. */
  isAdopted: boolean
}

/**
 * Resolves when the server answers; on a directory that is served already with that server's pid.
 * @throws port-taken, disk-full, program-failed with the end of its log, unauthorized when one that runs has other
 * passwords, timeout.
 */
export async function startRedis({ binary, files, settings, secrets, timeoutMs }: StartOptions): Promise<RunningRedis> {
  const running = redisPid(files)
  if (running !== undefined) {
    await waitForRedis({ settings, secrets, pid: running, timeoutMs })
    return { pid: running, isAdopted: true }
  }
  const { path } = binary ?? (await findRedis())
  const owner = await findRedisOwner()
  await makePrivateDir(files.dir, owner)
  if (owner && !(await canReach(files.dir, { user: 'redis', ...owner })))
    throw new TenfoldError(
      'program-failed',
      `the user that Redis runs as cannot reach ${files.dir}: use another directory`,
    )
  await rm(files.pid, { force: true })
  if (settings.persistence === 'off') await forgetKept(files)
  await writePrivate(files.configuration, configurationOf(settings, files, secrets), owner)
  await writePrivate(files.users, usersOf(secrets, { isFenced: await isThere(files.fence) }), owner)
  const log = await openLog(files)
  try {
    const server = await launch(path, files, log.file.fd, owner)
    const pid = server.pid as number
    try {
      await waitForRedis({ settings, secrets, pid, timeoutMs })
    } catch (error) {
      if (isProcessAlive(pid)) await stopRedis(pid, 0)
      throw isTenfoldError(error, 'program-failed') ? explainExit(await log.readNew(), files, settings) : error
    }
    return { pid, isAdopted: false }
  } finally {
    await log.file.close()
  }
}

/** The server of a directory, whoever started it; undefined when none runs. One that is paused counts as running. */
export function redisPid(files: RedisFiles): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(files.pid, 'latin1'), 10)
    return Number.isSafeInteger(pid) && pid > 0 && isProcessAlive(pid) && isServerOf(pid, files) ? pid : undefined
  } catch {
    return undefined
  }
}

/**
 * @throws program-failed as soon as the process is gone, port-taken when another process answers there, unauthorized on a
 * wrong password, timeout.
 */
export async function waitForRedis({
  settings,
  secrets,
  pid,
  timeoutMs,
}: Pick<StartOptions, 'settings' | 'secrets' | 'timeoutMs'> & { pid: number }): Promise<void> {
  const { address, port } = settings
  const deadline = systemClock.monotonic() + timeoutMs
  for (;;) {
    if (!isProcessAlive(pid))
      throw new TenfoldError('program-failed', `Redis at ${address}:${port} (process ${pid}) died; see its log`)
    try {
      using admin = await RedisAdmin.connect({ address, port, secrets })
      const servedBy = Number((await admin.info('server')).get('process_id'))
      if (servedBy === pid) return
      throw new TenfoldError('port-taken', `${address}:${port} is served by process ${servedBy}, not by ${pid}`)
    } catch (error) {
      // Another server on that port may also be the one that refuses the password: the process dies of it in a moment.
      if (isTenfoldError(error, 'port-taken')) throw error
      if (systemClock.monotonic() >= deadline) {
        if (isTenfoldError(error, 'unauthorized')) throw error
        throw new TenfoldError('timeout', `Redis at ${address}:${port} did not answer within ${timeoutMs} ms`, {
          cause: error,
        })
      }
    }
    await systemClock.sleep(pollMs)
  }
}

/** Resolves when the process is gone: in order within `timeoutMs`, else killed. May be called for one that is gone. */
export async function stopRedis(pid: number, timeoutMs: number): Promise<'stopped' | 'killed'> {
  if (await endsBy(pid, 'SIGTERM', { withinMs: timeoutMs, pollMs })) return 'stopped'
  if (await endsBy(pid, 'SIGKILL', { withinMs: killWaitMs, pollMs })) return 'killed'
  throw new TenfoldError('timeout', `process ${pid} does not die, not even by SIGKILL: it hangs in the kernel`)
}

async function launch(
  path: string,
  files: RedisFiles,
  logFd: number,
  owner: Unprivileged | undefined,
): Promise<ChildProcess> {
  const server = spawn(path, [files.configuration], {
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

/** Its pid may belong to another program by now. Redis works in its own directory, and that is told without asking it. */
function isServerOf(pid: number, files: RedisFiles): boolean {
  if (process.platform === 'linux') return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(files.dir)
  return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes('redis-server')
}

async function openLog({ log }: RedisFiles) {
  const file = await open(log, 'a+', 0o600)
  const { size } = await file.stat()
  return { file, readNew: () => readNewLog(file, size) }
}

function explainExit(output: string, { dir, log }: RedisFiles, { address, port }: RedisSettings): TenfoldError {
  const lines = output.trim().split('\n').slice(-logLinesShown).join('\n')
  const make = (code: 'port-taken' | 'disk-full' | 'program-failed', message: string) =>
    new TenfoldError(code, `${message}. Its log (${log}) ends with:\n${lines}`, { details: { dir, address, port } })
  if (/Address already in use/.test(output))
    return make('port-taken', `another program listens on ${address}:${port}, Redis cannot`)
  if (/No space left on device|Disk quota exceeded/.test(output))
    return make('disk-full', `the disk that holds ${dir} is full; free some space and start again`)
  return make('program-failed', `Redis in ${dir} did not start`)
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
