// What a shared cache node is configured to be. A running one takes a change of it as it is, without losing its values.

import type { Topology } from './schema.ts'

/** As one word to compare. */
export function cacheSettingsOf({ cache }: Topology): string {
  const { nodeBytesMax, whenFull, persistence } = cache
  return JSON.stringify([nodeBytesMax, whenFull, persistence])
}
