// Starts, awaits and stops a server that has a directory of its own. It is a process of its own: it outlives whoever started
// it, and whoever comes later finds it by its directory alone (find-server.ts) and takes it over.

import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { systemClock } from '../base/clock.ts'
import { isTenfoldError, TenfoldError } from '../base/errors.ts'
import { findServer, type ServerFiles, type ServerProgram } from './find-server.ts'
import { canReach } from './postgres/owner.ts'
import { makePrivateDir, type Unprivileged } from './private-files.ts'
import { endsBy, isProcessAlive } from './process.ts'
import { explainExit, type Listening, openServerLog } from './server-log.ts'

const pollMs = 10
const killWaitMs = 5000

export interface StartedServer {
  pid: number
  /** It ran already, with the configuration of its own start. */
  isAdopted: boolean
}

interface StartOptions {
  files: ServerFiles
  listensAt: Listening
  owner: Unprivileged | undefined
  /** Writes what it reads at its start into its directory, and answers the path of the program. */
  configure(): Promise<string>
  /** Resolves when the server of this pid answers, see waitForServer. */
  waitFor(pid: number): Promise<void>
}

/**
 * Resolves when the server answers; on a directory that is served already with that server's pid.
 * @throws port-taken, disk-full, program-failed with the end of its log, and whatever `configure` and `waitFor` do.
 */
export async function startServer(program: ServerProgram, options: StartOptions): Promise<StartedServer> {
  const { files, owner } = options
  const running = findServer(program, files)
  if (running !== undefined) {
    await options.waitFor(running)
    return { pid: running, isAdopted: true }
  }
  await makePrivateDir(files.dir, owner)
  if (owner && !(await canReach(files.dir, owner)))
    throw new TenfoldError(
      'program-failed',
      `the user that ${program.name} runs as cannot reach ${files.dir}: use another directory`,
    )
  await rm(files.pid, { force: true })
  const path = await options.configure()
  const log = await openServerLog(files.log, 0o600)
  try {
    const pid = await launch(path, program.argumentsFor(files), { files, owner, logFd: log.file.fd })
    try {
      await options.waitFor(pid)
    } catch (error) {
      await stopServer(pid, 0)
      if (!isTenfoldError(error, 'program-failed')) throw error
      throw explainExit(await log.readNew(), { program, files, listensAt: options.listensAt })
    }
    return { pid, isAdopted: false }
  } finally {
    await log.file.close()
  }
}

/**
 * Resolves when `ask` does: it rejects while the server does not answer, and with port-taken when another one does.
 * @throws program-failed as soon as the process is gone, port-taken, unauthorized on a wrong password, timeout.
 */
export async function waitForServer({
  what,
  pid,
  ask,
  timeoutMs,
}: {
  /** Which one, for people: `Redis at 127.0.0.1:6379`. */
  what: string
  pid: number
  ask: () => Promise<void>
  timeoutMs: number
}): Promise<void> {
  const deadline = systemClock.monotonic() + timeoutMs
  for (;;) {
    if (!isProcessAlive(pid)) throw new TenfoldError('program-failed', `${what} (process ${pid}) died; see its log`)
    try {
      return await ask()
    } catch (error) {
      // Another server on that port may also be the one that refuses the password: the process dies of it in a moment.
      if (isTenfoldError(error, 'port-taken')) throw error
      if (systemClock.monotonic() >= deadline) {
        if (isTenfoldError(error, 'unauthorized')) throw error
        throw new TenfoldError('timeout', `${what} did not answer within ${timeoutMs} ms`, { cause: error })
      }
    }
    await systemClock.sleep(pollMs)
  }
}

/** Resolves when the process is gone: in order within `timeoutMs`, else killed. May be called for one that is gone. */
export async function stopServer(pid: number, timeoutMs: number): Promise<'stopped' | 'killed'> {
  if (await endsBy(pid, 'SIGTERM', { withinMs: timeoutMs, pollMs })) return 'stopped'
  if (await endsBy(pid, 'SIGKILL', { withinMs: killWaitMs, pollMs })) return 'killed'
  throw new TenfoldError('timeout', `process ${pid} does not die, not even by SIGKILL: it hangs in the kernel`)
}

async function launch(
  path: string,
  words: string[],
  { files, owner, logFd }: { files: ServerFiles; owner: Unprivileged | undefined; logFd: number },
): Promise<number> {
  const server = spawn(path, words, {
    cwd: files.dir,
    detached: true,
    // A bare environment: what the person has set is not meant for the server.
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin', TZ: 'UTC' },
    stdio: ['ignore', logFd, logFd],
    ...(owner && { uid: owner.uid, gid: owner.gid }),
  })
  await new Promise<void>((resolve, reject) => {
    server.once('spawn', resolve)
    server.once('error', (error) => reject(new TenfoldError('program-missing', `cannot run ${path}`, { cause: error })))
  })
  server.unref()
  return server.pid as number
}
