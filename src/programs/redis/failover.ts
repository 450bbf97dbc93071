// Who writes next: by plan, without a lost write, or because the primary is gone.
//
// Redis replicates asynchronously: what a primary acknowledged in the instant of its death may not have left it. Where
// that matters, `replicasMin` keeps a primary that lost its replicas from acknowledging more than two seconds of it, and
// the truth stands in the database anyway.

import { isTenfoldError, TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { RedisAdmin } from './admin.ts'
import type { RedisAddress, RedisSecrets } from './contract.ts'
import { follow, replicationState } from './replication.ts'

const switchTimeoutMs = 10_000

/**
 * Planned: the primary holds writes back until the replica has everything, then they change places (FAILOVER). Clients of
 * the old primary get READONLY from then on. @throws timeout, and then everything is as it was.
 */
export async function switchOver(primary: RedisAdmin, to: RedisAddress): Promise<void> {
  await primary.command('FAILOVER', 'TO', to.address, to.port, 'TIMEOUT', switchTimeoutMs)
  const state = await waitUntil(
    async () => {
      const isOver = (await primary.info('replication')).get('master_failover_state') === 'no-failover'
      return isOver && (await replicationState(primary))
    },
    { what: `the switch-over to ${to.address}:${to.port}`, timeoutMs: 2 * switchTimeoutMs },
  )
  if (state.role === 'primary')
    throw new TenfoldError('timeout', `${to.address}:${to.port} did not catch up within ${switchTimeoutMs} ms`)
}

/**
 * Unplanned: of the replicas that answer, the one that received most becomes primary and the others follow it.
 * Fence or end the old primary first, or there are two. May be called again after a crash in the middle: a replica that
 * was promoted already is kept. @throws unavailable when none answers.
 */
export async function failOver(
  replicas: readonly RedisAddress[],
  { secrets }: { secrets: RedisSecrets },
): Promise<RedisAddress> {
  const answering: RedisAdmin[] = []
  try {
    for (const replica of replicas) {
      const admin = await RedisAdmin.connect({ ...replica, secrets }).catch((error) => {
        if (isTenfoldError(error, 'unauthorized')) throw error
        return undefined
      })
      if (admin) answering.push(admin)
    }
    const states = await Promise.all(
      answering.map(async (admin) => ({ admin, state: await replicationState(admin).catch(() => undefined) })),
    )
    const able = states.flatMap(({ admin, state }) => (state ? [{ admin, state }] : []))
    able.sort((a, b) => b.state.offset - a.state.offset)
    const chosen = able.find(({ state }) => state.role === 'primary') ?? able[0]
    if (!chosen) throw new TenfoldError('unavailable', `none of ${replicas.length} replicas answers`)
    if (chosen.state.role === 'replica') await chosen.admin.command('REPLICAOF', 'NO', 'ONE')
    for (const { admin } of able) if (admin !== chosen.admin) await follow(admin, chosen.admin)
    return { address: chosen.admin.address, port: chosen.admin.port }
  } finally {
    for (const admin of answering) admin.close()
  }
}

/**
 * In a cluster: `replica` takes the slots of `dead` over now, and not when the cluster believes it dead (two seconds). For one
 * that keeps nothing, before it is started again: it would be back with nothing before that, and its replica would follow it
 * in that. Nothing to do for one that follows somebody else, leads already, or has nothing itself. @throws timeout, unavailable.
 */
export async function takeOver(replica: RedisAdmin, dead: RedisAddress, timeoutMs: number): Promise<void> {
  const { primary } = await replicationState(replica)
  const isIts = primary?.address === dead.address && primary.port === dead.port
  if (!isIts || Number(await replica.command('DBSIZE')) === 0) return
  await replica.command('CLUSTER', 'FAILOVER', 'FORCE')
  await waitUntil(async () => (await replicationState(replica)).role === 'primary', {
    what: `${replica.address}:${replica.port} to take over from ${dead.address}:${dead.port}`,
    timeoutMs,
  })
}
