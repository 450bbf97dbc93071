// Where the backups are that a command of `tenfold db` works on: in the topology of the system, or where one is told.

import { isTenfoldError, TenfoldError } from '../base/errors.ts'
import type { SystemMap } from '../map/map.ts'
import { readSecrets, type Secrets } from '../map/secrets.ts'
import { readMapIfAny } from '../map/store.ts'
import { findShards } from '../supervisor/backup/list.ts'
import type { BackupStore } from '../supervisor/backup/store/contract.ts'
import { openStore } from '../supervisor/backup/store/open-store.ts'
import type { TargetSystem, Values } from './command.ts'

export interface BackupPlace {
  store: BackupStore
  /** Undefined when the system's own directory is lost. */
  map: SystemMap | undefined
  shards: string[]
}

/**
 * @throws bad-input when nobody says where, not-found for a shard that has no backups there.
 */
export async function findBackups(target: TargetSystem, values: Values): Promise<BackupPlace> {
  const map = await readMapIfAny(target.home.map)
  const from = values['from'] === undefined ? undefined : String(values['from'])
  const to = from ?? map?.topology.database.backup.to
  if (to === undefined)
    throw new TenfoldError(
      'bad-input',
      'no place for backups: set database.backup.to in the topology, or say --from DIR or s3://bucket/prefix',
    )
  const store = openStore(to, from === undefined && map ? map.appDir : process.cwd())
  const all = map && map.shards.length > 0 ? map.shards.map(({ id }) => id) : await findShards(store)
  const shards = values['shard'] === undefined ? all : all.filter((id) => id === values['shard'])
  if (shards.length > 0) return { store, map, shards }
  throw new TenfoldError('not-found', `there are no backups of ${values['shard'] ?? 'any shard'} in ${store.place}`)
}

/** @throws not-running, with what to do, when the passwords are lost. */
export async function readPasswords(target: TargetSystem): Promise<Secrets['postgres']> {
  try {
    return (await readSecrets(target.home)).postgres
  } catch (error) {
    if (!isTenfoldError(error, 'not-running')) throw error
    throw new TenfoldError(
      'not-running',
      `the passwords of the database are missing: put a copy of secrets.json at ${target.home.secrets}, or name its directory by --data`,
    )
  }
}
