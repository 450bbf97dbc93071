// Real servers for tests: each in a temporary directory, on a free port, gone when the test ends, whichever way it ends.

import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isTenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { freePort, guardAgainstOurDeath } from '../redis/testing.ts'
import { NatsAdmin } from './admin.ts'
import type { NatsAddress, NatsSecrets, NatsSettings } from './contract.ts'
import { type NatsFiles, natsFilesOf } from './files.ts'
import { natsPid, startNats, stopNats } from './server.ts'

const readyTimeoutMs = 20_000
const attemptsMax = 5

export interface TestNats extends AsyncDisposable {
  readonly settings: NatsSettings
  readonly secrets: NatsSecrets
  readonly files: NatsFiles
  readonly address: string
  readonly port: number
  /** Of the server that runs now. */
  readonly pid: number
  signal(name: NodeJS.Signals): void
  /** kill -9, and gone when it resolves. */
  kill(): Promise<void>
  /** On the same address and directory, with what is changed. */
  start(changes?: Partial<NatsSettings>): Promise<void>
  /** Resolves when it has caught up with its cluster. */
  healthy(): Promise<void>
  stop(): Promise<void>
}

export function testSecrets(): NatsSecrets {
  const secret = () => randomBytes(24).toString('base64url')
  return { admin: secret(), app: secret(), route: secret() }
}

/** Resolves when it serves. */
export async function startTestNats(
  changes: Partial<NatsSettings> & { secrets?: NatsSecrets } = {},
): Promise<TestNats> {
  const server = await startOne(changes)
  await server.healthy()
  return server
}

/** Three that are one cluster; resolves when it serves. */
export async function startTestNatsCluster(): Promise<TestNats[] & AsyncDisposable> {
  const secrets = testSecrets()
  const name = `test-${randomBytes(6).toString('hex')}`
  const peers: NatsAddress[] = []
  while (peers.length < 3) peers.push({ address: '127.0.0.1', port: await freePort() })
  const servers = await Promise.all(
    peers.map(({ port }, i) => startOne({ name: `${name}-${i + 1}`, secrets, cluster: { name, port, peers } })),
  )
  await Promise.all(servers.map((server) => server.healthy()))
  return Object.assign(servers, {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((server) => server.stop()))
    },
  })
}

async function startOne(changes: Partial<NatsSettings> & { secrets?: NatsSecrets }): Promise<TestNats> {
  const { secrets = testSecrets(), ...own } = changes
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-nats-'))
  await chmod(dir, 0o711)
  const files = natsFilesOf(join(dir, 'a "place"'))
  let settings: NatsSettings = {
    address: '127.0.0.1',
    port: 0,
    name: `test-${randomBytes(6).toString('hex')}`,
    ...own,
  }
  for (let attempt = 1; ; attempt++) {
    settings = { ...settings, port: own.port ?? (await freePort()) }
    try {
      await startNats({ files, settings, secrets, timeoutMs: readyTimeoutMs })
      break
    } catch (error) {
      // Another program may take a free port before the server does.
      if (!isTenfoldError(error, 'port-taken') || attempt === attemptsMax) throw error
    }
  }
  const guard = guardAgainstOurDeath(dir, files)
  const stop = async () => {
    const pid = natsPid(files)
    if (pid !== undefined) await stopNats(pid, 0)
    guard.kill()
    await rm(dir, { recursive: true, force: true })
  }
  const isHealthy = async () => {
    await using admin = await NatsAdmin.connect({ ...settings, secrets })
    return (await admin.trouble()) === undefined
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
      return natsPid(files) ?? 0
    },
    signal(name) {
      process.kill(natsPid(files) as number, name)
    },
    async kill() {
      const pid = natsPid(files) as number
      process.kill(pid, 'SIGKILL')
      await stopNats(pid, 5000)
    },
    async start(changed = {}) {
      settings = { ...settings, ...changed }
      await startNats({ files, settings, secrets, timeoutMs: readyTimeoutMs })
    },
    async healthy() {
      await waitUntil(isHealthy, { what: `${settings.name} in health`, timeoutMs: 30_000, intervalMs: 50 })
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
