// Replays a salvage file of a running system: on the present primary of its shard.

import { basename, join } from 'node:path'
import { TenfoldError } from '../../base/errors.ts'
import type { Home } from '../../map/home.ts'
import { nodeOf, type SystemMap } from '../../map/map.ts'
import type { Secrets } from '../../map/secrets.ts'
import { openSalvageFile } from '../../programs/postgres/salvage/file.ts'
import { type ReplayReport, replaySalvage } from '../../programs/postgres/salvage/replay.ts'
import { listSalvages, salvageDirOf } from './salvage.ts'
import { shardOf } from './shards.ts'

/**
 * The path of a file that is named as a listing names it; without a name of the newest.
 * @throws bad-input for a name that leads elsewhere, not-found.
 */
export async function salvageFileOf(home: Home, name?: string): Promise<string> {
  const [newest] = name === undefined ? await listSalvages(home) : [{ file: name }]
  if (!newest)
    throw new TenfoldError(
      'not-found',
      `${salvageDirOf(home)} holds no salvage file: no write was ever found to be lost`,
    )
  if (basename(newest.file) !== newest.file || newest.file.startsWith('.'))
    throw new TenfoldError('bad-input', `"${newest.file}" is not the name of a file in ${salvageDirOf(home)}`)
  return join(salvageDirOf(home), newest.file)
}

/** @throws what replaySalvage throws; unavailable when the shard has no primary now. */
export async function replayLost(
  { map, secrets }: { map: SystemMap; secrets: Secrets },
  { file, isDryRun, signal }: { file: string; isDryRun: boolean; signal?: AbortSignal },
): Promise<ReplayReport> {
  await using salvage = await openSalvageFile(file)
  const shard = shardOf(map.shards, salvage.header.shard)
  const primary = nodeOf(map, shard.primary)
  if (primary?.state !== 'ready')
    throw new TenfoldError(
      'unavailable',
      `the primary of ${shard.id}, ${shard.primary}, is ${primary?.state ?? 'not there'}`,
    )
  return replaySalvage({
    ...{ address: primary.address, port: primary.port, secrets: secrets.postgres },
    file,
    isDryRun,
    hasSlot: (slot) => shard.slots.includes(slot),
    ...(signal && { signal }),
  })
}
