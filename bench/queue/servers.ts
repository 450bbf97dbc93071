// The servers that all share: one PostgreSQL as we configure it (every commit is on the disk before it is answered), and two
// Redis servers with an append-only file.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '../../src/base/limits.ts'
import { findRedis } from '../../src/programs/redis/binary.ts'
import { startTestDatabase } from '../../src/tiers/database/testing.ts'
import { queueSql } from '../../src/tiers/queue/engines/postgres/testing.ts'
import type { Place } from './systems/system.ts'

export interface Servers extends AsyncDisposable {
  place: Omit<Place, 'folder' | 'queue'>
}

export async function startServers(): Promise<Servers> {
  const database = await startTestDatabase({ sql: await queueSql() })
  const [always, everysec] = await Promise.all([startRedis('always'), startRedis('everysec')])
  const { address, port, secrets } = database.server
  return {
    place: {
      postgres: { address, port, owner: secrets.owner, app: secrets.app, mapFile: database.mapFile },
      redis: { always: always.login, everysec: everysec.login },
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([database.stop(), always.stop(), everysec.stop()])
    },
  }
}

async function startRedis(fsync: 'always' | 'everysec') {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-bench-redis-'))
  const login = { port: await freePort(), password: randomBytes(18).toString('base64url') }
  const settings = {
    ...{ port: login.port, bind: '127.0.0.1', requirepass: login.password, dir, save: '' },
    ...{ appendonly: 'yes', appendfsync: fsync, 'maxmemory-policy': 'noeviction' },
  }
  const { path } = await findRedis()
  const child: ChildProcess = spawn(
    path,
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    { stdio: 'ignore' },
  )
  process.once('exit', () => child.kill())
  await waitUntil(() => isOpen(login.port), { what: 'redis-server', timeoutMs: 10_000 })
  return {
    login,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill()
      await ended
      await rm(dir, { recursive: true, force: true })
    },
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new Socket()
    const end = (isThere: boolean) => {
      socket.destroy()
      resolve(isThere)
    }
    socket.once('error', () => end(false)).connect(port, '127.0.0.1', () => end(true))
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
