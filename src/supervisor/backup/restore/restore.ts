// A new server that holds the database as it was at a moment: a base backup, the log up to there, a server started on them.
//
// It is no part of the system: an address of its own, a fence that lets in the superuser only, no replication. It needs
// the archive and the passwords and nothing that runs, so that it also works on the day on which nothing is left.

import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { isTenfoldError, TenfoldError } from '../../../base/errors.ts'
import { PostgresAdmin } from '../../../programs/postgres/admin.ts'
import { makeDirFor } from '../../../programs/postgres/cluster.ts'
import { configureCluster } from '../../../programs/postgres/configure.ts'
import type { PostgresAddress, PostgresSecrets, ServerOwner } from '../../../programs/postgres/contract.ts'
import { raiseFence } from '../../../programs/postgres/fence.ts'
import { readLockFile } from '../../../programs/postgres/lock-file.ts'
import { canReach, findOwner } from '../../../programs/postgres/owner.ts'
import { isServerAlive, startServer, stopServer, waitForServer } from '../../../programs/postgres/server.ts'
import type { ShardArchive, WalListing } from '../archive.ts'
import { layOut } from './lay-out.ts'
import { planRestore, type RestorePlan, type RestoreTarget } from './plan-restore.ts'
import { readContent } from './read-content.ts'
import { clearRecovery, writeRecovery } from './recovery.ts'
import { WalFeeder } from './wal-feeder.ts'

/** Replaying the log of a week may take hours; a server that died is noticed at once all the same. */
const recoveryTimeoutMs = 24 * 3_600_000
const stopTimeoutMs = 10_000
/** Another program may take a free port before the server does. */
const portAttemptsMax = 5
const restoredAddress = '127.0.0.1'
const defaultConnectionsMax = 100
const linesShown = 8

export interface RestoreOptions {
  archive: ShardArchive
  target: RestoreTarget
  /** A branch beside the history that lives. */
  timeline?: number
  /** Is made; holds data, log and nothing else afterwards. */
  dir: string
  secrets: PostgresSecrets
  connectionsMax?: number
  onProgress?: (message: string) => void
}

export interface RestoredServer extends PostgresAddress {
  pid: number
  dir: string
  dataDir: string
  logFile: string
  backup: string
  /** The timeline whose log was replayed. */
  timeline: number
  /** Where the replay ended. */
  lsn: string
  /** When the last transaction that it holds was committed; null when none was replayed. */
  lastCommitAt: string | null
}

/**
 * Resolves when the server takes queries, its recovery at an end.
 * @throws not-found for a time that cannot be restored, conflict when something is at `dir`, program-failed when backup or log are
 * damaged, disk-full, unavailable. After a failure nothing is left.
 */
export async function restore(options: RestoreOptions): Promise<RestoredServer> {
  const { archive, dir, target, timeline } = options
  const content = await readContent(archive)
  const plan = planRestore(content, target, timeline)
  await checkPlace(dir)
  const owner = await findOwner()
  await makeDirFor(owner, dir)
  let attempt: Attempt | undefined
  try {
    if (owner && !(await canReach(dir, owner)))
      throw new TenfoldError('bad-input', `${dir} cannot be reached by ${owner.user}, whom PostgreSQL runs as`)
    attempt = new Attempt(options, plan, content.wal, owner)
    return await attempt.run()
  } catch (error) {
    await attempt?.stop()
    await rm(dir, { recursive: true, force: true })
    throw error
  }
}

/** Stops a restored server, or one that is being restored, and removes all of it. May be called again. */
export async function removeRestored(dir: string): Promise<void> {
  const dataDir = join(dir, 'data')
  const pid = readLockFile(dataDir)?.pid
  if (pid !== undefined && isServerAlive(pid, dataDir)) await stopServer(pid, 'immediate', stopTimeoutMs)
  // One that is being restored may still be writing, and what it wrote meanwhile goes too: at the second time it gets no turn.
  const options = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }
  await rm(dir, options)
  rmSync(dir, options)
}

class Attempt {
  readonly #options: RestoreOptions
  readonly #plan: RestorePlan
  readonly #feeder: WalFeeder
  readonly #dataDir: string
  readonly #logFile: string
  readonly #owner: ServerOwner | undefined
  #pid: number | undefined

  constructor(options: RestoreOptions, plan: RestorePlan, wal: WalListing, owner: ServerOwner | undefined) {
    this.#options = options
    this.#plan = plan
    this.#owner = owner
    this.#dataDir = join(options.dir, 'data')
    this.#logFile = join(options.dir, 'log')
    this.#feeder = new WalFeeder({
      ...{ archive: options.archive, wal, path: plan.path, dir: join(options.dir, 'wal'), owner },
      onFed: (file) => options.onProgress?.(`replaying ${file}`),
    })
  }

  async run(): Promise<RestoredServer> {
    const { archive, onProgress, secrets, dir } = this.#options
    const { backup, target, timeline } = this.#plan
    onProgress?.(`backup ${backup.id}, timeline ${timeline}`)
    await layOut({
      ...{ archive, backup, dataDir: this.#dataDir, owner: this.#owner },
      onProgress: ({ bytes, totalBytes }) =>
        onProgress?.(`${Math.round(bytes / 2 ** 20)} of ${Math.round(totalBytes / 2 ** 20)} MiB unpacked`),
    })
    await raiseFence(this.#dataDir)
    await this.#feeder.start()
    const address = await this.#recover(target)
    const reached = await this.#look(address)
    await clearRecovery(this.#dataDir)
    await this.#feeder.stop()
    {
      await using admin = await PostgresAdmin.connect({ ...address, secrets })
      await admin.reload()
    }
    const { dataDir, logFile } = { dataDir: this.#dataDir, logFile: this.#logFile }
    return { ...address, pid: Number(this.#pid), dir, dataDir, logFile, backup: backup.id, timeline, ...reached }
  }

  async stop(): Promise<void> {
    if (this.#pid !== undefined && isServerAlive(this.#pid, this.#dataDir))
      await stopServer(this.#pid, 'immediate', stopTimeoutMs).catch(() => {})
    await this.#feeder.stop()
  }

  /** Starts the server and waits for the end of its recovery. */
  async #recover(target: RestoreTarget): Promise<PostgresAddress> {
    const logStart = await endOfLog(this.#logFile)
    try {
      const { pid, ...address } = await this.#start(target)
      this.#pid = pid
      await waitForServer({ ...address, secrets: this.#options.secrets, pid, timeoutMs: recoveryTimeoutMs })
      return address
    } catch (error) {
      if (this.#feeder.failure !== undefined)
        throw new TenfoldError('program-failed', `the log could not be restored: ${this.#feeder.failure}`)
      const lines = await readLogFrom(this.#logFile, logStart)
      // PostgreSQL wants to see a commit after the target. On an idle database there is none, and all that there is lies
      // before it: the plan made sure that the archive reaches the moment. So all of it is what was asked for.
      const isTooEarly = lines.includes('recovery ended before configured recovery target was reached')
      const { missing } = this.#plan
      if (isTooEarly && missing.length > 0)
        throw new TenfoldError('program-failed', `the archive lacks ${missing.slice(0, 3).join(', ')} of the log`)
      if (isTooEarly && target !== 'latest' && 'time' in target) return this.#recover('latest')
      const reason = lines.trim().split('\n').slice(-linesShown).join('\n')
      throw new TenfoldError('program-failed', `the restored server did not recover; its log ends with:\n${reason}`, {
        cause: error,
      })
    }
  }

  async #start(target: RestoreTarget): Promise<PostgresAddress & { pid: number }> {
    const { connectionsMax = defaultConnectionsMax } = this.#options
    for (let attempt = 1; ; attempt++) {
      const address = { address: restoredAddress, port: await findFreePort() }
      await configureCluster({ dataDir: this.#dataDir, ...address, connectionsMax })
      const { restoreCommand } = this.#feeder
      await writeRecovery(this.#dataDir, { restoreCommand, timeline: this.#plan.timeline, target })
      try {
        const { pid } = await startServer({ dataDir: this.#dataDir, logFile: this.#logFile })
        return { ...address, pid }
      } catch (error) {
        if (!isTenfoldError(error, 'port-taken') || attempt === portAttemptsMax) throw error
      }
    }
  }

  async #look(address: PostgresAddress): Promise<Pick<RestoredServer, 'lsn' | 'lastCommitAt'>> {
    await using admin = await PostgresAdmin.connect({ ...address, secrets: this.#options.secrets })
    const [row] = await admin.query<{ lsn: string; at: Date | null }>(
      `SELECT coalesce(pg_last_wal_replay_lsn(), pg_current_wal_flush_lsn())::text AS lsn, pg_last_xact_replay_timestamp() AS at`,
    )
    return { lsn: row?.lsn ?? '', lastCommitAt: row?.at?.toISOString() ?? null }
  }
}

/** @throws conflict when something is there. */
export async function checkPlace(dir: string): Promise<void> {
  const isThere = await readdir(dir).then(
    (names) => names.length > 0,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  )
  if (isThere) throw new TenfoldError('conflict', `${dir} is there already; restore into a new directory`)
}

async function endOfLog(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  )
}

async function readLogFrom(file: string, start: number): Promise<string> {
  const content = await readFile(file).catch(() => Buffer.alloc(0))
  return content.subarray(start).toString('utf8')
}

async function findFreePort(): Promise<number> {
  const probe = createServer()
  probe.listen(0, restoredAddress)
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}
