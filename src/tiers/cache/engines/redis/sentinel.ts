// One primary at a time, named by Sentinels (https://redis.io/docs/latest/develop/reference/sentinel-clients/): they are
// asked before each try to connect, and now and then, since a primary that was cut off does not know that it is none.

import { systemClock } from '../../../../base/clock.ts'
import type { RedisAddress } from '../../../../programs/redis/contract.ts'
import { askAny } from './asking.ts'
import { Member, type ServersOptions } from './member.ts'
import { coherentUntilOf, deleteStartingAt, placeAt, type Servers } from './servers.ts'

const askAgainMs = 500

export interface SentinelOptions extends ServersOptions {
  sentinels: readonly RedisAddress[]
  primaryName: string
  sentinelPassword?: string
}

export async function openBySentinels(options: SentinelOptions): Promise<Servers> {
  const { sentinels, primaryName, sentinelPassword, limits, names } = options
  let known: RedisAddress | undefined
  const locate = async () => {
    known = await askAny(
      sentinels,
      { password: sentinelPassword },
      ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', primaryName],
      { timeoutMs: limits.connectMsMax, read: addressIn },
    )
    return known
  }
  const member = await Member.open({ ...options, locate })
  const closing = new AbortController()
  const following = follow()
  const place = placeAt(member)
  return {
    place: () => place,
    deleteStarting: (starts) => deleteStartingAt([member], names.prefix, starts),
    get coherentUntil() {
      return coherentUntilOf([member])
    },
    async close() {
      closing.abort()
      await member.close()
      await following
    },
  }

  async function follow(): Promise<void> {
    while (!closing.signal.aborted) {
      await systemClock.sleep(askAgainMs, closing.signal)
      if (closing.signal.aborted) return
      const before = known
      const now = await locate().catch(() => undefined)
      if (before && now && (before.address !== now.address || before.port !== now.port)) member.reconnect()
    }
  }
}

function addressIn(answer: unknown): RedisAddress | undefined {
  if (!Array.isArray(answer)) return undefined
  return { address: String(answer[0]), port: Number(answer[1]) }
}
