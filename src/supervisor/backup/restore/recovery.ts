// Recovery from an archive to a target, as a cluster is told of it: recovery.signal, and settings that hold for this start.
//
// They go into postgresql.auto.conf, which configureCluster empties: a server that is configured as a node again has
// nothing left of them. Source: PostgreSQL manual, 25.3.5 Recovering Using a Continuous Archive Backup; 19.5.6 Recovery Target.

import { join } from 'node:path'
import { replaceConfig } from '../../../programs/postgres/configure.ts'
import { formatLsn } from '../../../programs/postgres/lsn.ts'
import type { RestoreTarget } from './plan-restore.ts'

export interface RecoverySettings {
  restoreCommand: string
  timeline: number
  target: RestoreTarget
}

/** Of every restored server, whatever it is used for: it must not take part in the running system. */
const apart = {
  // The copy of a subscriber would fetch changes as the original, and move the original's slot on.
  max_logical_replication_workers: '0',
}

export async function writeRecovery(dataDir: string, settings: RecoverySettings): Promise<void> {
  await replaceConfig(
    join(dataDir, 'postgresql.auto.conf'),
    format({
      ...apart,
      restore_command: settings.restoreCommand,
      recovery_target_timeline: String(settings.timeline),
      recovery_target_action: 'promote',
      // Nobody reads before the end; and a standby's check of max_connections would stop the replay.
      hot_standby: 'off',
      ...targetOf(settings.target),
    }),
  )
  await replaceConfig(join(dataDir, 'recovery.signal'), '')
}

/** After the end of recovery, so that a later start does not depend on what is gone by then. */
export async function clearRecovery(dataDir: string): Promise<void> {
  await replaceConfig(join(dataDir, 'postgresql.auto.conf'), format(apart))
}

function targetOf(target: RestoreTarget): Record<string, string> {
  if (target === 'latest') return {}
  // The abbreviation Z is not known yet when the server reads this.
  if ('time' in target) return { recovery_target_time: target.time.toISOString().replace('Z', '+00') }
  return { recovery_target_lsn: formatLsn(target.lsn), recovery_target_inclusive: 'off' }
}

function format(settings: Record<string, string>): string {
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`,
  )
  return `# Written by Tenfold for a restore.\n${lines.join('\n')}\n`
}
