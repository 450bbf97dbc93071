// From the topology to what the edge is told.

import type { EdgeRule, EdgeSettings } from '../../tiers/edge/contract.ts'
import type { Topology } from '../../topology/schema.ts'

export function edgeSettingsOf({ edge }: Pick<Topology, 'edge'>): EdgeSettings {
  const { enabled: _, rules, ...settings } = edge
  return { ...settings, rules: rules.map(ruleOf) }
}

/** What is not written is left out, not undefined; an empty list means nothing. */
function ruleOf({ path, keep, query, headers, cookies, ...times }: Topology['edge']['rules'][number]): EdgeRule {
  const { ttlMs, staleWhileRevalidateMs, staleIfErrorMs } = times
  return {
    ...{ path, keep, query },
    ...(ttlMs !== undefined && { ttlMs }),
    ...(staleWhileRevalidateMs !== undefined && { staleWhileRevalidateMs }),
    ...(staleIfErrorMs !== undefined && { staleIfErrorMs }),
    ...(headers.length > 0 && { headers }),
    ...(cookies.length > 0 && { cookies }),
  }
}
