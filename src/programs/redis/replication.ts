// Who follows whom, and how far: what a failover has to know before it acts.

import { waitUntil } from '../../base/limits.ts'
import type { RedisAdmin } from './admin.ts'
import type { RedisAddress } from './contract.ts'

export interface ReplicationState {
  role: 'primary' | 'replica'
  /** Bytes of the stream of changes that it wrote or received. Compares only between servers of one primary. */
  offset: number
  /** Replica: whom it follows, and whether it does now. */
  primary?: RedisAddress
  isFollowing: boolean
}

export async function replicationState(admin: RedisAdmin): Promise<ReplicationState> {
  const info = await admin.info('replication')
  if (info.get('role') === 'master')
    return { role: 'primary', offset: Number(info.get('master_repl_offset')), isFollowing: false }
  return {
    role: 'replica',
    offset: Number(info.get('slave_repl_offset')),
    primary: { address: info.get('master_host') ?? '', port: Number(info.get('master_port')) },
    isFollowing: info.get('master_link_status') === 'up' && info.get('master_sync_in_progress') === '0',
  }
}

/** Until its next start; for good it stands in the settings (`replicaOf`). What it had is replaced by what the primary has. */
export async function follow(admin: RedisAdmin, { address, port }: RedisAddress): Promise<void> {
  await admin.command('REPLICAOF', address, port)
}

/** Resolves when it has all that its primary had at the time of the call. @throws timeout. */
export async function waitForSync(replica: RedisAdmin, primary: RedisAdmin, timeoutMs: number): Promise<void> {
  const { offset } = await replicationState(primary)
  await waitUntil(
    async () => {
      const state = await replicationState(replica)
      const isOf = state.primary?.address === primary.address && state.primary.port === primary.port
      return isOf && state.isFollowing && state.offset >= offset
    },
    { what: `${replica.address}:${replica.port} to follow ${primary.address}:${primary.port}`, timeoutMs },
  )
}
