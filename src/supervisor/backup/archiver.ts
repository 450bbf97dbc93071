// Follows one shard's primary over the replication protocol and keeps its write-ahead log in the store.
//
// Streaming, and not archive_command: the server needs no program of ours, the log is at most some seconds old in the
// store and not a segment, and what is missing after any crash is asked for again. The order of every step: the log into
// the store, then the archive's own record, then the confirmation to the server, which may delete it after that. Killed
// anywhere, the next one begins with the segment that is not whole.
//
// After a failover it goes on at the new primary, which has the slot, too: slots on replicas are made and moved along here.
// Whatever fails is tried again; the database never waits for it but for the moment in which it stops (wal-stream.ts).

import type { Client } from 'pg'
import { type Backoff, backoffMs } from '../../base/backoff.ts'
import { systemClock } from '../../base/clock.ts'
import { isTenfoldError, TenfoldError } from '../../base/errors.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import { waitUntil, withTimeout } from '../../base/limits.ts'
import { systemRandom } from '../../base/random.ts'
import { PostgresAdmin } from '../../programs/postgres/admin.ts'
import type { PostgresAddress, PostgresSecrets } from '../../programs/postgres/contract.ts'
import { formatLsn, parseLsn } from '../../programs/postgres/lsn.ts'
import {
  connectReplication,
  destroyClient,
  identifySystem,
  readTimelineHistory,
  reserveSlot,
} from '../../programs/postgres/replication-client.ts'
import { parseHistory, type WalPosition } from '../../programs/postgres/wal-segment.ts'
import { WalStream } from '../../programs/postgres/wal-stream.ts'
import type { ArchiveRun, ArchiveState, ShardArchive } from './archive.ts'
import { archiveSlotStart, dropArchiveSlot, isArchiveSlotLost, moveReplicaSlots, slotName } from './archive-slot.ts'
import { afterTimeline, resumeAt, type ServerLog } from './resume.ts'
import { SegmentBuffer } from './segment-buffer.ts'

/** The log in the store is at most so much older than the database, and what it takes to store it. */
export const partialEveryMs = 5000
/** While nothing is written, the store hears that often that nothing was. */
const idleEveryMs = 30_000
const replicaSlotsEveryMs = 10_000
const pollMs = 250
/** A failover takes a moment in which there is no primary; only what lasts longer is trouble. */
const troubleAfterMs = 3000
const goodbyeMaxMs = 3000
const closeMaxMs = 5000
/** SQLSTATE undefined_file: "requested WAL segment ... has already been removed". */
const logIsDeleted = '58P01'
const backoff: Backoff = { baseMs: 500, capMs: 30_000 }

export interface ArchivedServer extends PostgresAddress {
  id: string
}

export interface ArchiverOptions {
  archive: ShardArchive
  secrets: PostgresSecrets
  /** Who is what now; asked again and again. */
  primary: () => ArchivedServer | undefined
  replicas: () => ArchivedServer[]
  tell: (level: 'info' | 'warn', message: string) => void
  /** The log has a gap: times in it cannot be restored, and the backups before it not beyond it. */
  onGap: () => void
  partialEveryMs?: number
}

/** A moment, and how far the log went then: everything acknowledged until then lies below. */
interface Mark {
  at: string
  lsn: bigint
}

export class WalArchiver extends Lifecycle {
  readonly #options: ArchiverOptions
  readonly #partialEveryMs: number
  #abort = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  #state: ArchiveState | undefined
  #isRunBroken = false
  #trouble: { message: string; sinceMs: number; isTold: boolean } | undefined

  constructor(options: ArchiverOptions) {
    super()
    this.#options = options
    this.#partialEveryMs = options.partialEveryMs ?? partialEveryMs
  }

  /** The run that is being archived; undefined before the first contact. */
  get run(): ArchiveRun | undefined {
    return this.#state?.runs.at(-1)
  }

  /** Why nothing is archived now; null while it works. */
  get trouble(): string | null {
    return this.#trouble?.message ?? null
  }

  /** Resolves with the run that reaches the position. @throws timeout, with what is wrong now if something is. */
  async waitFor(position: WalPosition, timeoutMs: number): Promise<ArchiveRun> {
    const what = `the log up to ${formatLsn(position.lsn)} in the archive`
    const isThere = () => {
      if (this.run && isWithin(position, this.run)) return this.run
      if (this.trouble !== null) throw new TenfoldError('unavailable', this.trouble)
      return undefined
    }
    return waitUntil(isThere, { what, timeoutMs, signal: this.#abort.signal })
  }

  protected async open(): Promise<void> {
    this.#abort = new AbortController()
    this.#loop = this.#keepFollowing(this.#abort.signal)
  }

  protected async close(): Promise<void> {
    this.#abort.abort()
    // A store that hangs is not waited for: what it still does is what the next start does once more.
    await withTimeout(this.#loop, closeMaxMs, 'the end of archiving').catch(() => {})
  }

  async #keepFollowing(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      const startedAtMs = systemClock.monotonic()
      try {
        await this.#follow(signal)
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        this.#noteTrouble(error)
        failures = systemClock.monotonic() - startedAtMs > backoff.capMs ? 1 : failures + 1
      }
      await systemClock.sleep(
        failures === 0 ? pollMs : Math.max(pollMs, backoffMs(failures, backoff, systemRandom)),
        signal,
      )
    }
  }

  /** Archives from the primary of now until another one is, or something fails. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { primary: findPrimary, secrets, archive } = this.#options
    const primary = findPrimary()
    if (!primary) return
    const client = await connectReplication(primary, secrets, { name: slotName })
    try {
      await using admin = await PostgresAdmin.connect({ ...primary, secrets })
      const { systemIdentifier, timeline } = await identifySystem(client)
      this.#state = await archive.readState()
      if (this.#state && this.#state.systemIdentifier !== systemIdentifier)
        throw new TenfoldError(
          'conflict',
          `${archive.store.place} holds the backups of another database (${this.#state.systemIdentifier}); ` +
            'give this one a place of its own in database.backup.to',
        )
      this.#state ??= { systemIdentifier, runs: [] }
      if (await isArchiveSlotLost(admin)) {
        await dropArchiveSlot(admin)
        this.#breakRun('the database had to delete log that was not archived yet (max_slot_wal_keep_size)')
      }
      await reserveSlot(client, slotName)
      const history = timeline > 1 ? await this.#keepHistory(client, timeline) : []
      const server = { timeline, keptLsn: await archiveSlotStart(admin), history }
      const from = this.#resume(server)
      await this.#stream({ client, admin, from, server, primary, signal })
    } finally {
      destroyClient(client)
    }
  }

  async #keepHistory(client: Client, timeline: number) {
    const text = await readTimelineHistory(client, timeline)
    const { histories } = await this.#options.archive.listWal()
    if (!histories.has(timeline)) await this.#options.archive.putHistory(timeline, text)
    const history = parseHistory(text)
    for (const past of history) {
      if (past.timeline === 1 || histories.has(past.timeline)) continue
      // Its own history may be gone from this server; the newest one holds all that a restore needs.
      const older = await readTimelineHistory(client, past.timeline).catch(() => undefined)
      if (older !== undefined) await this.#options.archive.putHistory(past.timeline, older)
    }
    return history
  }

  #resume(server: ServerLog): WalPosition {
    const run = this.#isRunBroken ? undefined : this.run
    try {
      return resumeAt(run && { timeline: run.timeline, lsn: parseLsn(run.lsn) }, server)
    } catch (error) {
      if (!isTenfoldError(error, 'conflict')) throw error
      this.#breakRun(error.message)
      return resumeAt(undefined, server)
    }
  }

  async #stream(at: {
    client: Client
    admin: PostgresAdmin
    from: WalPosition
    server: ServerLog
    primary: ArchivedServer
    signal: AbortSignal
  }): Promise<void> {
    const { client, admin, from, server, primary, signal } = at
    const isSame = () => {
      const now = this.#options.primary()
      return now?.id === primary.id && now.address === primary.address && now.port === primary.port
    }
    const buffer = new SegmentBuffer(from)
    await this.#record(buffer.position, undefined)
    const stream = new WalStream(client, { slot: slotName, from }).start()
    try {
      let mark: Mark | undefined
      let [tickedAtMs, storedAtMs, slotsAtMs] = [-Infinity, systemClock.monotonic(), -Infinity]
      while (!signal.aborted && isSame()) {
        const part = await stream.next(pollMs)
        if (part.kind === 'end') return await this.#endTimeline(buffer, part.next, server)
        if (part.kind === 'data') {
          for (const whole of buffer.append(part.lsn, part.bytes)) {
            await this.#options.archive.putSegment(whole, whole.content)
            await this.#record(whole.next, mark)
            stream.confirm(whole.next.lsn)
            this.#noteEndOfTrouble()
          }
        }
        const nowMs = systemClock.monotonic()
        if (!mark && nowMs - tickedAtMs >= this.#partialEveryMs) {
          tickedAtMs = nowMs
          mark = await markOf(admin)
        }
        const isUrgent = part.kind === 'urgent'
        if (!isUrgent && !(mark && buffer.position.lsn >= mark.lsn)) continue
        const isNew = await this.#putPartial(buffer)
        if (isNew || isUrgent || nowMs - storedAtMs >= idleEveryMs || this.run?.until === null) {
          await this.#record(buffer.position, mark)
          storedAtMs = nowMs
        }
        stream.confirm(buffer.position.lsn)
        this.#noteEndOfTrouble()
        mark = undefined
        if (isUrgent || nowMs - slotsAtMs < replicaSlotsEveryMs) continue
        slotsAtMs = nowMs
        await moveReplicaSlots(this.#options.replicas(), this.#options.secrets, buffer.position.lsn)
      }
      await this.#sayGoodbye(buffer)
    } catch (error) {
      if ((error as { code?: string }).code !== logIsDeleted) throw error
      this.#breakRun('the database has deleted log that was not archived yet')
    } finally {
      stream.stop()
    }
  }

  /** What was received and not stored yet. A store that is slow now is not waited for: it is all asked for again. */
  async #sayGoodbye(buffer: SegmentBuffer): Promise<void> {
    const storing = this.#putPartial(buffer).then((isNew) =>
      isNew ? this.#record(buffer.position, undefined) : undefined,
    )
    await withTimeout(storing, goodbyeMaxMs, 'the end of archiving').catch(() => {})
  }

  /** The server has sent a timeline to its end; what there is of its last segment stays a partial one. */
  async #endTimeline(buffer: SegmentBuffer, next: WalPosition | undefined, server: ServerLog): Promise<void> {
    await this.#putPartial(buffer)
    await this.#record(buffer.position, undefined)
    if (!next) return // it stops
    const { timeline } = buffer.position
    await this.#record(afterTimeline({ timeline, endLsn: next.lsn }, server), undefined)
  }

  /** Only one that is longer than what the store has: after a restart the same log comes again. Answers whether it was. */
  async #putPartial(buffer: SegmentBuffer): Promise<boolean> {
    if (buffer.content.length === 0 || (this.run && isWithin(buffer.position, this.run))) return false
    await this.#options.archive.putPartial(buffer.start, buffer.content)
    return true
  }

  /** Writes down how far the archive reaches, and until when, if the log of the mark's moment is in it. */
  async #record(position: WalPosition, mark: Mark | undefined): Promise<void> {
    if (!this.#state) throw new Error('the state is read before anything is archived')
    const state = structuredClone(this.#state)
    const { timeline } = position
    const last = this.#isRunBroken ? undefined : state.runs.at(-1)
    const lsn = formatLsn(position.lsn)
    if (!last) {
      const startedAt = new Date(systemClock.now()).toISOString()
      state.runs.push({ startTimeline: timeline, startLsn: lsn, startedAt, timeline, lsn, until: null })
    } else if (!isWithin(position, last)) Object.assign(last, { timeline, lsn })
    const run = state.runs.at(-1)
    if (run && mark && position.lsn >= mark.lsn) run.until = mark.at
    await this.#options.archive.writeState(state)
    this.#state = state
    this.#isRunBroken = false
  }

  /** The next record begins a new run. */
  #breakRun(reason: string): void {
    const { archive, tell, onGap } = this.#options
    if (!this.run || this.#isRunBroken) return
    this.#isRunBroken = true
    tell('warn', `the archive of ${archive.shard} has a gap: ${reason}; a new base backup is due`)
    onGap()
  }

  #noteTrouble(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    const nowMs = systemClock.monotonic()
    this.#trouble = { message, sinceMs: this.#trouble?.sinceMs ?? nowMs, isTold: this.#trouble?.isTold ?? false }
    if (this.#trouble.isTold || nowMs - this.#trouble.sinceMs < troubleAfterMs) return
    this.#trouble.isTold = true
    this.#options.tell('warn', `the log of ${this.#options.archive.shard} is not archived: ${message}`)
  }

  #noteEndOfTrouble(): void {
    if (this.#trouble?.isTold) this.#options.tell('info', `the log of ${this.#options.archive.shard} is archived again`)
    this.#trouble = undefined
  }
}

function isWithin({ timeline, lsn }: WalPosition, run: ArchiveRun): boolean {
  return timeline < run.timeline || (timeline === run.timeline && lsn <= parseLsn(run.lsn))
}

/** The time first: whatever was acknowledged by then had been flushed when the position was read. */
async function markOf(admin: PostgresAdmin): Promise<Mark> {
  const [row] = await admin.query<{ at: Date; lsn: string }>(
    'SELECT clock_timestamp() AS at, pg_current_wal_flush_lsn()::text AS lsn',
  )
  if (!row) throw new Error('a SELECT without a table has one row')
  return { at: row.at.toISOString(), lsn: parseLsn(row.lsn) }
}
