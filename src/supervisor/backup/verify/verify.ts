// The proof that backups work: the newest one is restored to a position of the log at which the running database was read,
// and the two are compared, table by table. It runs beside the system, which serves on meanwhile.

import { isTenfoldError, TenfoldError } from '../../../base/errors.ts'
import { waitUntil } from '../../../base/limits.ts'
import { PostgresConnection } from '../../../programs/postgres/connection.ts'
import { databaseName, type PostgresAddress, type PostgresSecrets } from '../../../programs/postgres/contract.ts'
import { formatLsn, parseLsn } from '../../../programs/postgres/lsn.ts'
import type { WalPosition } from '../../../programs/postgres/wal-segment.ts'
import type { ShardArchive } from '../archive.ts'
import { type RestoredServer, removeRestored, restore } from '../restore/restore.ts'
import { checkStructure } from './check-structure.ts'
import { compareFingerprints, type Difference, type Fingerprint, takeFingerprint } from './fingerprint.ts'
import { readLiveContent } from './snapshot.ts'

/** Far more than an archive lags behind when it works. */
const archiveTimeoutMs = 120_000
const archivePollMs = 500

export interface VerifyOptions {
  archive: ShardArchive
  primary: PostgresAddress
  secrets: PostgresSecrets
  /** Made for the restored server, removed afterwards. */
  dir: string
  connectionsMax?: number
  onProgress?: (message: string) => void
}

export interface VerifyReport {
  shard: string
  isSound: boolean
  backup: string
  /** Both sides are compared as they were at this position. */
  lsn: string
  tables: number
  rows: number
  differences: Difference[]
  /** What amcheck found. */
  damage: string[]
}

/**
 * Resolves with what was found, equal or not.
 * @throws not-found without a backup, program-failed when backup or log are damaged, unavailable when the archive does not
 * come to hold what was read.
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const { archive, primary, secrets, dir, connectionsMax, onProgress } = options
  onProgress?.('reading the running database')
  const live = await readLiveContent(primary, secrets)
  onProgress?.(`waiting for ${formatLsn(live.at.lsn)} in the archive`)
  await waitArchived(archive, await writeBehind(primary, secrets, live.at))
  const server = await restore({
    ...{ archive, secrets, dir, target: { lsn: live.at.lsn } },
    ...(connectionsMax !== undefined && { connectionsMax }),
    ...(onProgress && { onProgress }),
  })
  try {
    onProgress?.('comparing')
    const { differences, damage } = await inspect(server, secrets, live.content)
    return {
      shard: archive.shard,
      isSound: differences.length === 0 && damage.length === 0,
      backup: server.backup,
      lsn: formatLsn(live.at.lsn),
      tables: live.content.size,
      rows: [...live.content.values()].reduce((sum, { rows }) => sum + rows, 0),
      differences,
      damage,
    }
  } finally {
    await removeRestored(dir)
  }
}

/** A restored server against what it should hold. Afterwards it has the extension amcheck. */
export async function inspect(
  server: Pick<RestoredServer, 'address' | 'port'>,
  secrets: PostgresSecrets,
  expected: Fingerprint,
): Promise<{ differences: Difference[]; damage: string[] }> {
  const { address, port } = server
  await using connection = await PostgresConnection.connect({ address, port, secrets, database: databaseName })
  const differences = compareFingerprints(expected, await takeFingerprint(connection))
  return { differences, damage: await checkStructure(connection) }
}

/** Recovery notices that it has passed a position by what comes behind it: on an idle database that would be nothing. */
async function writeBehind(
  primary: PostgresAddress,
  secrets: PostgresSecrets,
  { timeline }: WalPosition,
): Promise<WalPosition> {
  await using connection = await PostgresConnection.connect({ ...primary, secrets, database: databaseName })
  const [row] = await connection.query<{ lsn: string }>(
    `SELECT pg_logical_emit_message(false, 'tenfold', 'verify', true)::text AS lsn`,
  )
  return { timeline, lsn: parseLsn(row?.lsn ?? '0/0') }
}

async function waitArchived(archive: ShardArchive, { timeline, lsn }: WalPosition): Promise<void> {
  const reaches = async () => {
    const run = (await archive.readState())?.runs.at(-1)
    return run !== undefined && (run.timeline > timeline || (run.timeline === timeline && parseLsn(run.lsn) >= lsn))
  }
  const what = `the log up to ${formatLsn(lsn)} in ${archive.store.place}`
  await waitUntil(reaches, { what, timeoutMs: archiveTimeoutMs, intervalMs: archivePollMs }).catch((error: unknown) => {
    if (!isTenfoldError(error, 'timeout')) throw error
    throw new TenfoldError('unavailable', `${error.message}: is it archived? see \`tenfold status\``, { cause: error })
  })
}
