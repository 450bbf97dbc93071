// Real servers for tests: each in a temporary directory, on a free port, gone when the test ends, whichever way it ends.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isTenfoldError } from '../../base/errors.ts'
import type { RedisSecrets, RedisSettings } from './contract.ts'
import { type RedisFiles, redisFilesOf } from './files.ts'
import { redisPid, startRedis, stopRedis } from './server.ts'

const readyTimeoutMs = 10_000
const attemptsMax = 5

export interface TestRedis extends AsyncDisposable {
  readonly settings: RedisSettings
  readonly secrets: RedisSecrets
  readonly files: RedisFiles
  readonly address: string
  readonly port: number
  /** Of the server that runs now. */
  readonly pid: number
  signal(name: NodeJS.Signals): void
  /** kill -9, and gone when it resolves. */
  kill(): Promise<void>
  /** On the same address and directory, with what is changed. */
  start(changes?: Partial<RedisSettings>): Promise<void>
  stop(): Promise<void>
}

export function testSecrets(): RedisSecrets {
  const secret = () => randomBytes(24).toString('base64url')
  return { admin: secret(), app: secret(), replica: secret() }
}

export async function startTestRedis(
  changes: Partial<RedisSettings> & { secrets?: RedisSecrets; isCluster?: boolean } = {},
): Promise<TestRedis> {
  const { secrets = testSecrets(), isCluster = false, ...own } = changes
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-redis-'))
  await chmod(dir, 0o711)
  const files = redisFilesOf(join(dir, 'a "place"'))
  let settings: RedisSettings = {
    address: '127.0.0.1',
    port: 0,
    memory: { bytesMax: 64 * 1024 * 1024, whenFull: 'allkeys-lfu' },
    persistence: 'off',
    ...own,
  }
  for (let attempt = 1; ; attempt++) {
    settings = { ...settings, port: own.port ?? (await freePort()) }
    if (isCluster) settings = { ...settings, cluster: { busPort: await freePort() } }
    try {
      await startRedis({ files, settings, secrets, timeoutMs: readyTimeoutMs })
      break
    } catch (error) {
      // Another program may take a free port before the server does.
      if (!isTenfoldError(error, 'port-taken') || attempt === attemptsMax) throw error
    }
  }
  const guard = guardAgainstOurDeath(dir, files)
  const stop = async () => {
    const pid = redisPid(files)
    if (pid !== undefined) await stopRedis(pid, 0)
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
      return redisPid(files) ?? 0
    },
    signal(name) {
      process.kill(redisPid(files) as number, name)
    },
    async kill() {
      const pid = redisPid(files) as number
      process.kill(pid, 'SIGKILL')
      await stopRedis(pid, 5000)
    },
    async start(changed = {}) {
      settings = { ...settings, ...changed }
      await startRedis({ files, settings, secrets, timeoutMs: readyTimeoutMs })
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/**
 * Beside those of whole systems under test (test/running-system.ts), and below the ports that the system gives to outgoing connections (32768 and up on Linux): a server that is started again
 * would else find its port taken by a connection of somebody.
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

/** A shell that reads from a pipe of ours wakes when we are gone, and ends the server. */
export function guardAgainstOurDeath(dir: string, files: { pid: string }): ChildProcess {
  const script = 'read _; kill -KILL "$(head -n 1 "$1")"; sleep 1; rm -rf "$0"'
  const guard = spawn('/bin/sh', ['-c', script, dir, files.pid], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  guard.unref()
  if (guard.stdin instanceof Socket) guard.stdin.unref()
  return guard
}
