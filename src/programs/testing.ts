// What tests of every real server need: a free port, a temporary directory, and an end that comes whichever way the test ends.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isTenfoldError } from '../base/errors.ts'
import { stopServer } from './directory-server.ts'
import type { ServerFiles } from './find-server.ts'

const attemptsMax = 5
const killWaitMs = 5000

export interface Address {
  address: string
  port: number
}

export interface TestServer<Settings extends Address, Secrets, Files extends ServerFiles> extends AsyncDisposable {
  readonly settings: Settings
  readonly secrets: Secrets
  readonly files: Files
  readonly address: string
  readonly port: number
  /** Of the server that runs now. */
  readonly pid: number
  signal(name: NodeJS.Signals): void
  /** kill -9, and gone when it resolves. */
  kill(): Promise<void>
  /** On the same address and directory, with what is changed. */
  start(changes?: Partial<Settings>): Promise<void>
  stop(): Promise<void>
}

/** One with a directory of its own (directory-server.ts). Resolves when it answers. */
export async function startTestServer<Settings extends Address, Secrets, Files extends ServerFiles>({
  name,
  secrets,
  filesOf,
  makeSettings,
  start,
  pidOf,
}: {
  name: string
  secrets: Secrets
  filesOf(dir: string): Files
  /** Asked again when the port that it names was taken meanwhile. */
  makeSettings(): Promise<Settings>
  start(server: { files: Files; settings: Settings; secrets: Secrets }): Promise<unknown>
  pidOf(files: Files): number | undefined
}): Promise<TestServer<Settings, Secrets, Files>> {
  const dir = await mkdtemp(join(tmpdir(), `tenfold-${name}-`))
  await chmod(dir, 0o711)
  const files = filesOf(join(dir, 'a "place"'))
  let settings = await makeSettings()
  for (let attempt = 1; ; attempt++) {
    try {
      await start({ files, settings, secrets })
      break
    } catch (error) {
      // Another program may take a free port before the server does.
      if (!isTenfoldError(error, 'port-taken') || attempt === attemptsMax) {
        await rm(dir, { recursive: true, force: true })
        throw error
      }
      settings = await makeSettings()
    }
  }
  const guard = guardAgainstOurDeath(dir, files.pid)
  const stop = async () => {
    const pid = pidOf(files)
    if (pid !== undefined) await stopServer(pid, 0)
    guard.kill()
    await rm(dir, { recursive: true, force: true })
  }
  return {
    secrets,
    files,
    get settings() {
      return settings
    },
    address: settings.address,
    port: settings.port,
    get pid() {
      return pidOf(files) ?? 0
    },
    signal(name) {
      process.kill(pidOf(files) as number, name)
    },
    async kill() {
      const pid = pidOf(files) as number
      process.kill(pid, 'SIGKILL')
      await stopServer(pid, killWaitMs)
    },
    async start(changes = {}) {
      settings = { ...settings, ...changes }
      await start({ files, settings, secrets })
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/**
 * Beside those of whole systems under test (test/running-system.ts), and below the ports that the system gives to outgoing
 * connections (32768 and up on Linux): a server that is started again would else find its port taken by a connection of somebody.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(22_200, 32_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

/**
 * A test that is killed cannot clean up, and its server would live for ever. This shell reads from a pipe whose other end
 * is ours, so that it wakes when we are gone, in whatever way.
 */
export function guardAgainstOurDeath(dir: string, pidFile: string): ChildProcess {
  const script = 'read _; kill -KILL "$(head -n 1 "$1")"; sleep 1; rm -rf "$0"'
  const guard = spawn('/bin/sh', ['-c', script, dir, pidFile], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  guard.unref()
  if (guard.stdin instanceof Socket) guard.stdin.unref()
  return guard
}
