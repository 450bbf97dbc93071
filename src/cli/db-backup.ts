// `tenfold db backup`: a base backup now, or the list of those that there are.

import { systemClock } from '../base/clock.ts'
import { TenfoldError } from '../base/errors.ts'
import type { ArchiveListing } from '../control/api.ts'
import { listArchive } from '../supervisor/backup/list.ts'
import { findBackups } from './backup-place.ts'
import type { Command, TargetSystem } from './command.ts'

/** A large database takes its time; what fails says so at once. */
const backupTimeoutMs = 24 * 3_600_000
/** How long one that cannot begin may be in trouble before we go: it is done when the trouble is over. */
const troubleMsMax = 30_000
const pollMs = 250

export const dbBackup: Command = {
  name: 'db backup',
  usage: '[--list] [--shard S] [--from PLACE]',
  summary: 'take a base backup now; --list shows what can be restored',
  options: { list: { type: 'boolean' }, shard: { type: 'string' }, from: { type: 'string' } },
  async run(target, _words, values) {
    if (values['list'] !== true)
      await takeOne(target, values['shard'] === undefined ? undefined : String(values['shard']))
    const { store, shards } = await findBackups(target, values)
    const listings = await Promise.all(shards.map((shard) => listArchive(store, shard)))
    target.print({ place: store.place, shards: listings }, describeListings(store.place, listings))
  },
}

export function describeListings(place: string, listings: ArchiveListing[]): string {
  const lines = listings.flatMap(({ shard, backups, ranges }) => [
    ranges.length === 0
      ? `${shard}: nothing can be restored yet`
      : `${shard}: any time from ${ranges.map(({ from, to }) => `${from} to ${to}`).join(', or from ')}`,
    ...backups.map(
      ({ id, finishedAt, bytes, storedBytes, source }) =>
        `  ${id}  ${finishedAt}  ${toMiB(bytes)}, stored ${toMiB(storedBytes)}  from ${source}`,
    ),
  ])
  return [place, ...lines].join('\n')
}

/** Follows it to its end. @throws unavailable with what is wrong. */
async function takeOne(target: TargetSystem, shard: string | undefined): Promise<void> {
  const client = await target.client()
  const before = await statusOf(target)
  const { shards } = await client.beginBackup(shard)
  const deadlineMs = systemClock.monotonic() + backupTimeoutMs
  let [troubleSinceMs, told] = [undefined as number | undefined, '']
  while (systemClock.monotonic() < deadlineMs) {
    const now = (await statusOf(target)).filter(({ id }) => shards.includes(id))
    const attemptsBefore = (id: string) => before.find((one) => one.id === id)?.attempts ?? 0
    const open = now.filter(({ id, attempts }) => attempts <= attemptsBefore(id))
    const failed = now.find((one) => !open.includes(one) && one.trouble !== null)
    if (failed) throw new TenfoldError('unavailable', `no backup of ${failed.id}: ${failed.trouble}`)
    if (open.length === 0) return
    const trouble = open.find((one) => one.running === null && one.trouble !== null)
    troubleSinceMs = trouble ? (troubleSinceMs ?? systemClock.monotonic()) : undefined
    if (trouble && systemClock.monotonic() - (troubleSinceMs ?? 0) > troubleMsMax)
      throw new TenfoldError('unavailable', `the backup of ${trouble.id} waits for this to end: ${trouble.trouble}`)
    const progress = open.flatMap(({ id, running }) => (running ? `${id}: ${toMiB(running.bytes)}` : [])).join(', ')
    if (progress !== told && progress !== '') target.note(progress)
    told = progress
    await systemClock.sleep(pollMs)
  }
  throw new TenfoldError('timeout', `the backup is not done after ${backupTimeoutMs} ms`)
}

async function statusOf(target: TargetSystem) {
  return (await (await target.client()).status()).backup?.shards ?? []
}

function toMiB(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
