// `tenfold db verify`: the newest backup restored and compared with the running database. Ends with 1 on any difference.

import { TenfoldError } from '../base/errors.ts'
import { nodeOf } from '../map/map.ts'
import { placeDataDir } from '../programs/postgres/owner.ts'
import { ShardArchive } from '../supervisor/backup/archive.ts'
import { removeRestored } from '../supervisor/backup/restore/restore.ts'
import type { TableContent } from '../supervisor/backup/verify/fingerprint.ts'
import { type VerifyReport, verify } from '../supervisor/backup/verify/verify.ts'
import { findBackups, readPasswords } from './backup-place.ts'
import { cleaningUp } from './clean-up.ts'
import type { Command } from './command.ts'

export const dbVerify: Command = {
  name: 'db verify',
  usage: '[--shard S]',
  summary: 'restore the newest backup and compare it with the running database',
  options: { shard: { type: 'string' } },
  async run(target, _words, values) {
    const { store, map, shards } = await findBackups(target, values)
    const secrets = await readPasswords(target)
    const reports: VerifyReport[] = []
    for (const shard of shards) {
      const primary = map && nodeOf(map, map.shards.find(({ id }) => id === shard)?.primary ?? '')
      if (!map || !primary)
        throw new TenfoldError('not-running', `${shard} has no running database to compare its backup with`)
      const stamp = new Date().toISOString().replace(/[-:.]/g, '')
      const dir = await placeDataDir(target.home.dir, map.system, `verify-${shard}-${stamp}`)
      const work = () =>
        verify({
          ...{ archive: new ShardArchive(store, shard), primary, secrets, dir },
          connectionsMax: map.topology.database.connectionsMax,
          onProgress: (message) => target.note(`${shard}: ${message}`),
        })
      reports.push(await cleaningUp(() => removeRestored(dir), work))
    }
    const isSound = reports.every((report) => report.isSound)
    target.print({ isSound, shards: reports }, reports.map(describe).join('\n'))
    if (!isSound) process.exitCode = 1
  },
}

function describe({ shard, isSound, backup, lsn, tables, rows, differences, damage }: VerifyReport): string {
  if (isSound)
    return `${shard}: backup ${backup} restored to ${lsn} equals the database: ${tables} tables, ${rows} rows`
  return [
    `${shard}: backup ${backup} restored to ${lsn} is NOT the database`,
    ...differences.map(
      ({ table, live, restored }) => `  ${table}: ${content(live)}, in the backup ${content(restored)}`,
    ),
    ...damage.map((problem) => `  ${problem}`),
  ].join('\n')
}

function content(table: TableContent | null): string {
  return table === null ? 'not there' : `${table.rows} rows (checksum ${table.checksum})`
}
