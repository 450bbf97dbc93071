// Backups of the running system: an archiver for each shard, a base backup when one is due, and what is too old goes.
//
// Whatever fails here is told, and tried again; it never holds up the system. What the topology says may change at any
// moment: another place is another archive, and no place ends it, so that no slot keeps log for nobody.

import { type Backoff, backoffMs } from '../../base/backoff.ts'
import { systemClock } from '../../base/clock.ts'
import { describeError, TenfoldError } from '../../base/errors.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import { withTimeout } from '../../base/limits.ts'
import { systemRandom } from '../../base/random.ts'
import type { MapShard } from '../../map/map.ts'
import type { Secrets } from '../../map/secrets.ts'
import { PostgresAdmin } from '../../programs/postgres/admin.ts'
import type { EventLog } from '../events.ts'
import type { MapKeeper } from '../map-keeper.ts'
import { dropArchiveSlot } from './archive-slot.ts'
import type { ArchivedServer } from './archiver.ts'
import { type ArchiveListing, listArchive } from './list.ts'
import { ShardBackup } from './shard-backup.ts'
import type { BackupStatus, ShardBackupStatus } from './status.ts'
import type { BackupStore } from './store/contract.ts'
import { openStore } from './store/open-store.ts'

const closeMaxMs = 5000
const lookEveryMs = 2000
const backoff: Backoff = { baseMs: 5000, capMs: 300_000 }

function nowhere(): TenfoldError {
  return new TenfoldError('bad-input', 'no place for backups: set database.backup.to in the topology and apply it')
}

export class Backups extends Lifecycle {
  readonly #keeper: MapKeeper
  readonly #events: EventLog
  readonly #secrets: Secrets
  #abort = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  #place: { to: string; store: BackupStore } | undefined
  #shards = new Map<string, ShardBackup>()
  /** Servers that were seen without our slot since there is no place. */
  #cleared = new Set<string>()
  #placeTrouble: string | null = null

  constructor({ keeper, events, secrets }: { keeper: MapKeeper; events: EventLog; secrets: Secrets }) {
    super()
    this.#keeper = keeper
    this.#events = events
    this.#secrets = secrets
  }

  /** Null where no backups are wanted. */
  status(): BackupStatus | null {
    const { to } = this.#keeper.map.topology.database.backup
    if (to === undefined) return null
    const shards = [...this.#shards.values()].map((shard) => shard.status())
    // What holds for all shards: the least of each.
    const least = (pick: (shard: ShardBackupStatus) => string | null) => {
      const values = shards.map(pick)
      return values.includes(null) ? null : ((values as string[]).sort()[0] ?? null)
    }
    return {
      to: this.#place?.store.place ?? to,
      lastBackupAt: least((shard) => shard.lastBackupAt),
      archivedUntil: least((shard) => shard.archivedUntil),
      archivedLsn: shards[0]?.archivedLsn ?? null,
      trouble: this.#placeTrouble ?? shards.find((shard) => shard.trouble !== null)?.trouble ?? null,
      shards,
    }
  }

  /** What can be restored. @throws bad-input where no backups are wanted, or what the store says. */
  async list(): Promise<ArchiveListing[]> {
    const { topology, appDir, shards } = this.#keeper.map
    const { to } = topology.database.backup
    if (to === undefined) throw nowhere()
    const store = openStore(to, appDir)
    return Promise.all(shards.map(({ id }) => listArchive(store, id)))
  }

  /**
   * Begins a base backup of one shard or all of them, beside whatever is due; `status` tells when it is done.
   * @throws bad-input where no backups are wanted, not-found for a shard that is not there.
   */
  begin(shardId?: string): string[] {
    if (this.#keeper.map.topology.database.backup.to === undefined) throw nowhere()
    const shards = shardId === undefined ? [...this.#shards.values()] : [this.#shards.get(shardId)]
    if (shards.length === 0 || shards.includes(undefined))
      throw new TenfoldError('not-found', `there is no shard ${shardId ?? ''} that is backed up`.replace('  ', ' '))
    for (const shard of shards) shard?.makeDue()
    return shards.map((shard) => shard?.id ?? '')
  }

  protected async open(): Promise<void> {
    this.#abort = new AbortController()
    this.#loop = this.#keepLooking(this.#abort.signal)
  }

  protected async close(): Promise<void> {
    this.#abort.abort()
    await withTimeout(this.#loop, closeMaxMs, 'the end of backups').catch(() => {})
    await this.#leavePlace()
  }

  async #keepLooking(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#adjust()
        this.#placeTrouble = null
        failures = 0
      } catch (error) {
        if (this.#placeTrouble === null) this.#events.emit('warn', `backups: ${describeError(error)}`)
        this.#placeTrouble = describeError(error)
        failures++
      }
      const waitMs = failures === 0 ? lookEveryMs : Math.max(lookEveryMs, backoffMs(failures, backoff, systemRandom))
      await systemClock.sleep(waitMs, signal)
    }
  }

  /** Makes what runs agree with the topology and the shards of now. */
  async #adjust(): Promise<void> {
    const { topology, appDir, shards } = this.#keeper.map
    const { to } = topology.database.backup
    if (this.#place && this.#place.to !== to) await this.#leavePlace()
    if (to === undefined) return this.#clearSlots(shards)
    this.#cleared.clear()
    this.#place ??= { to, store: openStore(to, appDir) }
    for (const { id } of shards) {
      if (this.#shards.has(id)) continue
      const shard = new ShardBackup({
        ...{ id, store: this.#place.store, secrets: this.#secrets.postgres },
        servers: () => this.#serversOf(id),
        intervals: () => this.#keeper.map.topology.database.backup,
        tell: (level, message) => this.#events.emit(level, message),
      })
      this.#shards.set(id, shard)
      await shard.start()
    }
    for (const [id, shard] of this.#shards) {
      if (shards.some((one) => one.id === id)) continue
      this.#shards.delete(id)
      await shard.stop()
    }
  }

  async #leavePlace(): Promise<void> {
    await Promise.all([...this.#shards.values()].map((shard) => shard.stop()))
    this.#shards.clear()
    await this.#place?.store.close()
    this.#place = undefined
  }

  /** A slot that nobody follows would keep log up to its bound. Servers that do not answer now are asked again. */
  async #clearSlots(shards: MapShard[]): Promise<void> {
    for (const server of shards.flatMap(({ id }) => this.#allServersOf(id))) {
      const name = `${server.id} ${server.port}`
      if (this.#cleared.has(name)) continue
      const isCleared = await this.#clearSlot(server).catch(() => false)
      if (isCleared) this.#cleared.add(name)
    }
  }

  async #clearSlot(server: ArchivedServer): Promise<boolean> {
    await using admin = await PostgresAdmin.connect({ ...server, secrets: this.#secrets.postgres })
    await dropArchiveSlot(admin)
    return true
  }

  #allServersOf(shardId: string): ArchivedServer[] {
    const { primary, replicas } = this.#serversOf(shardId)
    return primary ? [primary, ...replicas] : replicas
  }

  #serversOf(shardId: string): { primary: ArchivedServer | undefined; replicas: ArchivedServer[] } {
    const shard = this.#keeper.map.shards.find(({ id }) => id === shardId)
    const find = (id: string) => {
      const node = this.#keeper.node(id)
      return node?.pid ? [{ id, address: node.address, port: node.port }] : []
    }
    return {
      primary: shard && find(shard.primary)[0],
      replicas: shard?.replicas.flatMap((id) => (this.#keeper.node(id)?.state === 'ready' ? find(id) : [])) ?? [],
    }
  }
}
