// The backups of one shard: its archiver, its base backups one after the other, its retention.

import { type Backoff, backoffMs } from '../../base/backoff.ts'
import { systemClock } from '../../base/clock.ts'
import { describeError, TenfoldError } from '../../base/errors.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import { withTimeout } from '../../base/limits.ts'
import { systemRandom } from '../../base/random.ts'
import type { PostgresSecrets } from '../../programs/postgres/contract.ts'
import { parseLsn } from '../../programs/postgres/lsn.ts'
import { historyName, parseHistory } from '../../programs/postgres/wal-segment.ts'
import { type BackupRecord, backupIdOf, ShardArchive } from './archive.ts'
import { type ArchivedServer, WalArchiver } from './archiver.ts'
import { readContent } from './restore/read-content.ts'
import { findExpired } from './retention.ts'
import type { ShardBackupStatus } from './status.ts'
import type { BackupStore } from './store/contract.ts'
import { takeBackup } from './take-backup.ts'
import { isOnPath, pathTo } from './timeline-path.ts'

const pollMs = 500
/** A store that hangs is not waited for. */
const closeMaxMs = 5000
const waitArchivedMs = 60_000
const backoff: Backoff = { baseMs: 5000, capMs: 600_000 }
/** What an interrupted upload or backup left is removed when nobody can be at it any more. */
const leftoverMs = 24 * 3_600_000
const retainEveryMs = 600_000

export interface ShardBackupOptions {
  id: string
  store: BackupStore
  secrets: PostgresSecrets
  servers: () => { primary: ArchivedServer | undefined; replicas: ArchivedServer[] }
  intervals: () => { everyMs: number; keepMs: number }
  tell: (level: 'info' | 'warn', message: string) => void
}

export class ShardBackup extends Lifecycle {
  readonly id: string
  readonly #options: ShardBackupOptions
  readonly #archive: ShardArchive
  readonly #archiver: WalArchiver
  #abort = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  /** Undefined until the store was asked. */
  #backups: BackupRecord[] | undefined
  #isDue = false
  /** The backup and the timeline that were found to belong together. */
  #judged = ''
  #running: { bytes: number; totalBytes: number } | null = null
  #attempts = 0
  #failure: string | null = null
  #retainFailure: string | null = null

  constructor(options: ShardBackupOptions) {
    super()
    this.id = options.id
    this.#options = options
    this.#archive = new ShardArchive(options.store, options.id)
    this.#archiver = new WalArchiver({
      ...{ archive: this.#archive, secrets: options.secrets, tell: options.tell },
      primary: () => options.servers().primary,
      replicas: () => options.servers().replicas,
      onGap: () => this.makeDue(),
    })
  }

  /** A base backup now, in place of when its time has come. */
  makeDue(): void {
    this.#isDue = true
  }

  status(): ShardBackupStatus {
    const { run, trouble } = this.#archiver
    return {
      id: this.id,
      lastBackupAt: this.#backups?.at(-1)?.finishedAt ?? null,
      archivedUntil: run?.until ?? null,
      archivedLsn: run?.lsn ?? null,
      running: this.#running,
      attempts: this.#attempts,
      trouble: trouble ?? this.#failure ?? this.#retainFailure,
    }
  }

  protected async open(): Promise<void> {
    this.#abort = new AbortController()
    await this.#archiver.start()
    this.#loop = this.#keepBackups(this.#abort.signal)
  }

  /** A base backup that is under way is given up: the next start takes a new one. */
  protected async close(): Promise<void> {
    this.#abort.abort()
    const loop = withTimeout(this.#loop, closeMaxMs, 'the end of a base backup').catch(() => {})
    await Promise.all([loop, this.#archiver.stop()])
  }

  async #keepBackups(signal: AbortSignal): Promise<void> {
    let [failures, notBeforeMs, retainAtMs] = [0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
    while (!signal.aborted) {
      const nowMs = systemClock.monotonic()
      try {
        if (this.#archiver.run?.until && (this.#isDue || nowMs >= notBeforeMs) && (await this.#isTimeForOne())) {
          this.#isDue = false
          await this.#takeOne(signal)
          this.#noteSuccess()
          failures = 0
          retainAtMs = nowMs
        }
        if (this.#backups && nowMs >= retainAtMs) {
          const isDone = await this.#tryRetain()
          retainAtMs = systemClock.monotonic() + (isDone ? retainEveryMs : backoff.baseMs)
        }
      } catch (error) {
        if (signal.aborted) return
        this.#noteFailure(error)
        notBeforeMs = systemClock.monotonic() + backoffMs(++failures, backoff, systemRandom)
      }
      await systemClock.sleep(pollMs, signal)
    }
  }

  async #isTimeForOne(): Promise<boolean> {
    this.#backups ??= await this.#archive.listBackups()
    const last = this.#backups.at(-1)
    if (this.#isDue || !last) return true
    // After a gap the last one leads nowhere beyond it.
    if (last.runStartedAt !== this.#archiver.run?.startedAt || !(await this.#isOfThisHistory(last))) return true
    return systemClock.now() - Date.parse(last.startedAt) >= this.#options.intervals().everyMs
  }

  /** After a failover the newest backup may be of the branch that was left behind: then there is none of what lives. */
  async #isOfThisHistory({ id, timeline, stopLsn }: BackupRecord): Promise<boolean> {
    const now = this.#archiver.run?.timeline ?? timeline
    if (timeline === now || this.#judged === `${id} ${now}`) return true
    const history = parseHistory((await this.#archive.readWalFile(historyName(now))).toString('utf8'))
    const isOfIt = isOnPath(pathTo(now, history), { timeline, lsn: parseLsn(stopLsn) })
    if (isOfIt) this.#judged = `${id} ${now}`
    return isOfIt
  }

  /** From a replica where there is one, since reading everything costs; from the primary where that does not work. */
  async #takeOne(signal: AbortSignal): Promise<void> {
    const { primary, replicas } = this.#options.servers()
    const sources = [...replicas, ...(primary ? [primary] : [])]
    let failure: unknown = new TenfoldError('unavailable', `${this.id} has no server to be backed up now`)
    for (const source of sources) {
      try {
        const record = await this.#takeFrom(source, signal)
        this.#options.tell('info', `backup ${record.id} of ${this.id}: ${toMiB(record.storedBytes)} from ${source.id}`)
        return
      } catch (error) {
        if (signal.aborted) throw error
        failure = error
      } finally {
        this.#running = null
      }
    }
    throw failure
  }

  async #takeFrom(source: ArchivedServer, signal: AbortSignal): Promise<BackupRecord> {
    const state = await this.#archive.readState()
    this.#running = { bytes: 0, totalBytes: 0 }
    const record = await takeBackup({
      ...{ archive: this.#archive, source, secrets: this.#options.secrets, signal },
      systemIdentifier: state?.systemIdentifier ?? '',
      waitArchived: (position) => this.#archiver.waitFor(position, waitArchivedMs),
      onProgress: (progress) => {
        this.#running = progress
      },
    })
    this.#backups = [...(this.#backups ?? []), record]
    return record
  }

  async #retain(): Promise<void> {
    const nowMs = systemClock.now()
    const content = await readContent(this.#archive)
    const path = pathTo(
      this.#archiver.run?.timeline ?? 1,
      content.histories.get(this.#archiver.run?.timeline ?? 1) ?? [],
    )
    const expired = findExpired(content.backups, [...content.wal.segments, ...content.wal.partials], {
      ...{ nowMs, keepMs: this.#options.intervals().keepMs },
      isUsable: (backup) => isOnPath(path, { timeline: backup.timeline, lsn: parseLsn(backup.stopLsn) }),
    })
    for (const id of expired.backups) await this.#archive.deleteBackup(id)
    for (const name of expired.segments) await this.#archive.deleteSegment(name)
    for (const id of await this.#archive.listUnfinished(backupIdOf(new Date(nowMs - leftoverMs))))
      await this.#archive.deleteBackup(id)
    await this.#archive.store.sweep(nowMs - leftoverMs)
    this.#backups = content.backups.filter(({ id }) => !expired.backups.includes(id))
    if (expired.backups.length > 0)
      this.#options.tell('info', `backups of ${this.id} that are too old are gone: ${expired.backups.join(', ')}`)
  }

  /** What is too old and could not be deleted is no reason to call the backups bad for longer than that lasts. */
  async #tryRetain(): Promise<boolean> {
    try {
      await this.#retain()
      this.#retainFailure = null
      return true
    } catch (error) {
      if (this.#retainFailure === null)
        this.#options.tell('warn', `old backups of ${this.id} stay: ${describeError(error)}`)
      this.#retainFailure = describeError(error)
      return false
    }
  }

  #noteSuccess(): void {
    if (this.#failure !== null) this.#options.tell('info', `backups of ${this.id} work again`)
    this.#failure = null
    this.#attempts++
  }

  #noteFailure(error: unknown): void {
    if (this.#failure === null) this.#options.tell('warn', `no backup of ${this.id}: ${describeError(error)}`)
    this.#failure = describeError(error)
    this.#attempts++
  }
}

function toMiB(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
