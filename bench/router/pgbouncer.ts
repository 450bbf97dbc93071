// PgBouncer as Debian ships it (apt-get install pgbouncer), in transaction mode before the primary: with a password, on
// loopback, as the user that PostgreSQL runs as too, since it refuses to be root.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import pg from 'pg'
import { waitUntil, withTimeout } from '../../src/base/limits.ts'
import { findOwner } from '../../src/programs/postgres/owner.ts'
import type { TestPostgres } from '../../src/programs/postgres/testing.ts'
import { freePort } from '../../src/programs/testing.ts'

export interface PgBouncer {
  port: number
  pid: number
  stop(): Promise<void>
}

const startMs = 10_000
const stopMs = 5_000
const outputMax = 4_000

export async function startPgBouncer(dir: string, primary: TestPostgres, poolSize: number): Promise<PgBouncer> {
  const owner = await findOwner()
  const home = join(dir, 'pgbouncer')
  const port = await freePort()
  const users = join(home, 'users.txt')
  const configuration = join(home, 'pgbouncer.ini')
  await mkdir(home, { mode: 0o700 })
  await writeFile(users, `"app" "${primary.secrets.app}"\n`, { mode: 0o600 })
  await writeFile(configuration, configurationOf({ port, users, primary, poolSize }), { mode: 0o600 })
  if (owner) for (const path of [home, users, configuration]) await chown(path, owner.uid, owner.gid)
  const path = [process.env['PATH'], '/usr/sbin'].join(delimiter) // a person's PATH has no sbin in Debian
  const child = spawn('pgbouncer', [configuration], {
    env: { PATH: path },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(owner && { uid: owner.uid, gid: owner.gid }),
  })
  let output = ''
  child.stderr.on('data', (chunk) => {
    output = (output + chunk).slice(-outputMax)
  })
  const ended = once(child, 'exit').catch((cause) => {
    throw new Error('pgbouncer cannot be started; on Debian: apt-get install pgbouncer', { cause })
  })
  const stop = async () => {
    child.kill('SIGTERM') // at once, without waiting for its clients
    await withTimeout(ended, stopMs, 'the end of PgBouncer').catch(() => child.kill('SIGKILL'))
  }
  const died = ended.then(([code]) => {
    throw new Error(`pgbouncer ended with ${code}: ${output}`)
  })
  try {
    const isAnswering = () => answers(port, primary.secrets.app)
    await Promise.race([waitUntil(isAnswering, { what: 'an answer of PgBouncer', timeoutMs: startMs }), died])
  } catch (error) {
    await stop()
    throw error
  }
  died.catch(() => {}) // whoever loads it sees that it is gone
  return { port, pid: child.pid as number, stop }
}

interface Terms {
  port: number
  users: string
  primary: TestPostgres
  poolSize: number
}

function configurationOf({ port, users, primary, poolSize }: Terms): string {
  return `[databases]
app = host=${primary.address} port=${primary.port} dbname=app

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 100
log_connections = 0
log_disconnections = 0
log_stats = 0
`
}

async function answers(port: number, password: string): Promise<boolean> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'app', password, database: 'app' })
  client.on('error', () => {})
  await client.connect()
  await client.query('select 1')
  await client.end()
  return true
}
