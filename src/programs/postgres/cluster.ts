// Makes a new, empty cluster: a data directory that a server can be started on.
//
// The locale is PostgreSQL's builtin C.UTF-8 on every machine, so that text sorts and hashes the same on all shards,
// whatever the operating system's own locales say this year.

import { execFile } from 'node:child_process'
import { chmod, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { TenfoldError } from '../../base/errors.ts'
import { findPostgres } from './binaries.ts'
import { type PostgresSecrets, type ServerOwner, superuserName } from './contract.ts'
import { findOwner, giveTo } from './owner.ts'
import { saysDiskFull } from './start-failure.ts'

const initdbTimeoutMs = 120_000

/** Whether `dataDir` holds a whole cluster: both ways to make one rename it into place when it is whole. */
export async function hasCluster(dataDir: string): Promise<boolean> {
  return stat(join(dataDir, 'PG_VERSION')).then(
    () => true,
    () => false,
  )
}

/**
 * Resolves when a durable cluster with the superuser's password stands at `dataDir`. Called again, it leaves an existing
 * one alone; after a crash in the middle it starts anew. Not to be called twice at once for one directory.
 * @throws disk-full, program-failed, program-missing
 */
export async function createCluster({
  dataDir,
  secrets,
}: {
  dataDir: string
  secrets: PostgresSecrets
}): Promise<void> {
  const making = `${dataDir}.new`
  await rm(making, { recursive: true, force: true })
  if (await hasCluster(dataDir)) return
  const owner = await findOwner()
  await makeDirFor(owner, making)
  const passwordFile = join(making, 'password')
  await writeFile(passwordFile, `${secrets.superuser}\n`, { mode: 0o600 })
  await giveTo(owner, passwordFile)
  const fresh = join(making, 'data')
  await runInitdb(fresh, passwordFile)
  await moveIntoPlace(fresh, dataDir)
  await rm(making, { recursive: true, force: true })
}

/** A directory that only the server's user can enter. */
export async function makeDirFor(owner: ServerOwner | undefined, dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await chmod(dir, 0o700)
  await giveTo(owner, dir)
}

/** The one moment in which a cluster begins to exist. */
export async function moveIntoPlace(whole: string, dataDir: string): Promise<void> {
  await rename(whole, dataDir)
  const parent = await open(dirname(dataDir))
  try {
    await parent.sync()
  } finally {
    await parent.close()
  }
}

/**
 * Flushes every file of a cluster that is not in use, with PostgreSQL's own means. On Linux by one syncfs, as at a start after
 * a crash (settings.ts): it waits for whatever else is being written there, but thousands of new files one by one take longer.
 */
export async function syncCluster(dataDir: string): Promise<void> {
  const method = process.platform === 'linux' ? ['--sync-method=syncfs'] : []
  await initdb(['--sync-only', ...method, '-D', dataDir])
}

async function runInitdb(dataDir: string, passwordFile: string): Promise<void> {
  await initdb([
    `--username=${superuserName}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--data-checksums',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    '-D',
    dataDir,
  ])
}

async function initdb(args: string[]): Promise<void> {
  const [binaries, owner] = await Promise.all([findPostgres(), findOwner()])
  const as = owner ? { uid: owner.uid, gid: owner.gid } : {}
  try {
    // A bare environment: PGDATA, PGPORT and the person's locale must not reach the server.
    await promisify(execFile)(binaries.initdb, args, {
      cwd: '/',
      env: { LC_ALL: 'C' },
      timeout: initdbTimeoutMs,
      ...as,
    })
  } catch (error) {
    const output = String((error as { stderr?: unknown }).stderr ?? error).trim()
    const isFull = saysDiskFull(output)
    const message = isFull ? `the disk is full: initdb could not write ${args.at(-1)}` : `initdb failed: ${output}`
    throw new TenfoldError(isFull ? 'disk-full' : 'program-failed', message, { cause: error })
  }
}
