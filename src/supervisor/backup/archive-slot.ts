// The replication slot that keeps the log on a server until the archive has it. The primary's follows what we confirm; on
// every replica there is one of the same name, moved along by hand, so that the replica that becomes primary still has
// what the archive lacks. max_slot_wal_keep_size bounds them all: a full disk would be worse than a gap.

import { TenfoldError } from '../../base/errors.ts'
import { PostgresAdmin } from '../../programs/postgres/admin.ts'
import type { PostgresAddress, PostgresSecrets } from '../../programs/postgres/contract.ts'
import { formatLsn, parseLsn } from '../../programs/postgres/lsn.ts'

export const slotName = 'tenfold_archive'

/** Whether the server had to give up what the slot was to keep. */
export async function isArchiveSlotLost(admin: PostgresAdmin): Promise<boolean> {
  const [slot] = await admin.query<{ status: string }>(
    'SELECT wal_status AS status FROM pg_replication_slots WHERE slot_name = $1',
    [slotName],
  )
  return slot?.status === 'lost'
}

/** From where on the slot keeps the log. @throws unavailable when it is gone again. */
export async function archiveSlotStart(admin: PostgresAdmin): Promise<bigint> {
  const [slot] = await admin.query<{ lsn: string | null }>(
    'SELECT restart_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1',
    [slotName],
  )
  if (!slot?.lsn) throw new TenfoldError('unavailable', `the replication slot ${slotName} is gone`)
  return parseLsn(slot.lsn)
}

/** May be called again, and where there is none. */
export function dropArchiveSlot(admin: PostgresAdmin): Promise<void> {
  return admin.dropSlot(slotName)
}

/** A replica that does not answer now is asked again later: nothing is lost by that while it stays a replica. */
export async function moveReplicaSlots(
  replicas: PostgresAddress[],
  secrets: PostgresSecrets,
  archived: bigint,
): Promise<void> {
  await Promise.allSettled(replicas.map((replica) => moveSlot(replica, secrets, archived)))
}

async function moveSlot(replica: PostgresAddress, secrets: PostgresSecrets, archived: bigint): Promise<void> {
  await using admin = await PostgresAdmin.connect({ ...replica, secrets })
  if (await isArchiveSlotLost(admin)) await dropArchiveSlot(admin)
  await admin.createSlot(slotName)
  await admin.query(
    `SELECT pg_replication_slot_advance(slot_name, least($2::pg_lsn, pg_last_wal_replay_lsn()))
     FROM pg_replication_slots
     WHERE slot_name = $1 AND NOT active AND restart_lsn < least($2::pg_lsn, pg_last_wal_replay_lsn())`,
    [slotName, formatLsn(archived)],
  )
}
