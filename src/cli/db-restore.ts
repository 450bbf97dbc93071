// `tenfold db restore`: the database as it was at a moment, in a server of its own beside the system, or after its end.

import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { TenfoldError } from '../base/errors.ts'
import { readJson, replaceFile } from '../map/store.ts'
import { placeDataDir } from '../programs/postgres/owner.ts'
import { ShardArchive } from '../supervisor/backup/archive.ts'
import { listArchive } from '../supervisor/backup/list.ts'
import type { RestoreTarget } from '../supervisor/backup/restore/plan-restore.ts'
import {
  checkPlace,
  type RestoredServer,
  type RestoreOptions,
  removeRestored,
  restore,
} from '../supervisor/backup/restore/restore.ts'
import { type BackupPlace, findBackups, readPasswords } from './backup-place.ts'
import { cleaningUp } from './clean-up.ts'
import { type Command, type TargetSystem, UsageError, type Values, wholeNumber } from './command.ts'
import { describeListings } from './db-backup.ts'

const recordName = 'restored.json'

type Restored = RestoredServer & { shard: string }

export const dbRestore: Command = {
  name: 'db restore',
  usage: '--to TIME|latest [--into DIR] [--shard S] [--list] | --remove DIR',
  summary: 'the database as it was at a time, in a new server beside the system',
  options: {
    to: { type: 'string' },
    into: { type: 'string' },
    shard: { type: 'string' },
    from: { type: 'string' },
    timeline: { type: 'string' },
    list: { type: 'boolean' },
    remove: { type: 'string' },
  },
  async run(target, _words, values) {
    if (values['remove'] !== undefined) return remove(target, resolve(String(values['remove'])))
    const place = await findBackups(target, values)
    if (values['list'] === true) {
      const listings = await Promise.all(place.shards.map((shard) => listArchive(place.store, shard)))
      return target.print({ place: place.store.place, shards: listings }, describeListings(place.store.place, listings))
    }
    const to = parseTarget(values['to'])
    const servers: Restored[] = []
    try {
      for (const shard of place.shards) servers.push(await restoreShard(target, place, shard, to, values))
    } catch (error) {
      // All shards or none: some of them at another moment than the others would be worse than nothing.
      for (const { dir } of servers) await removeRestored(dir)
      throw error
    }
    target.print({ servers }, servers.map((server) => describe(target, server)).join('\n\n'))
  },
}

async function restoreShard(
  target: TargetSystem,
  { store, map, shards }: BackupPlace,
  shard: string,
  to: RestoreTarget,
  values: Values,
): Promise<Restored> {
  const stamp = new Date().toISOString().replace(/[-:.]/g, '')
  const into = values['into'] === undefined ? undefined : resolve(String(values['into']))
  const dir =
    into === undefined
      ? await placeDataDir(target.home.dir, map?.system ?? 'restored', `restored-${shard}-${stamp}`)
      : shards.length === 1
        ? into
        : join(into, shard)
  const secrets = await readPasswords(target)
  const options: RestoreOptions = {
    ...{ archive: new ShardArchive(store, shard), target: to, dir, secrets },
    ...(values['timeline'] !== undefined && { timeline: wholeNumber(String(values['timeline']), '--timeline') }),
    ...(map && { connectionsMax: map.topology.database.connectionsMax }),
    onProgress: (message) => target.note(`${shard}: ${message}`),
  }
  await checkPlace(dir) // before there is anything of ours to clean up
  const server = await cleaningUp(
    () => removeRestored(dir),
    () => restore(options),
  )
  const restored = { ...server, shard }
  await replaceFile(join(dir, recordName), `${JSON.stringify(restored, null, 1)}\n`, 0o600)
  return restored
}

/** A zone is part of a time: without one it would mean another moment on another machine. */
function parseTarget(text: string | boolean | undefined): RestoreTarget {
  if (text === undefined) throw new UsageError('say which time: --to TIME, as 2026-11-25T13:00:00Z, or --to latest')
  if (text === 'latest') return 'latest'
  const time = new Date(String(text))
  if (Number.isNaN(time.getTime()) || !/(Z|[+-]\d\d:?\d\d)$/i.test(String(text)))
    throw new UsageError(`--to must be a time with its zone, as 2026-11-25T13:00:00Z or ...+01:00, got ${text}`)
  return { time }
}

async function remove(target: TargetSystem, dir: string): Promise<void> {
  const file = join(dir, recordName)
  const record = (await readJson(file, `${dir} is no restored server: it has no ${recordName}`)) as Restored
  if (record.dir !== dir) throw new TenfoldError('conflict', `${file} is about ${record.dir}; it was moved?`)
  await removeRestored(dir)
  await rm(dir, { recursive: true, force: true })
  target.print({ removed: dir }, `stopped and removed ${dir}`)
}

function describe(target: TargetSystem, server: Restored): string {
  return [
    `${server.shard} as of ${server.lastCommitAt ?? 'its backup'} (the last commit in it), ${server.lsn} on timeline ${server.timeline}`,
    `connect:  host ${server.address}, port ${server.port}, database app, user tenfold,`,
    `          password: postgres.superuser in ${target.home.secrets}`,
    `remove:   tenfold db restore --remove ${server.dir}`,
  ].join('\n')
}
