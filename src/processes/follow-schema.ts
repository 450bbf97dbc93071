// A process that runs on learns of tables that migrations made meanwhile: the map says that there are some.

import type { Logger } from 'pino'
import type { MapSubscription } from '../map/subscription.ts'
import type { DatabaseRouter } from '../tiers/database/router.ts'

/** Reads the catalog again with every newer `schemaVersion`, until it is closed. */
export function followSchema(
  map: Pick<MapSubscription, 'current' | 'onChange'>,
  router: Pick<DatabaseRouter, 'readCatalog'>,
  log: Pick<Logger, 'warn'>,
): { close(): Promise<void> } {
  let known = map.current.schemaVersion ?? 0
  let reading: Promise<unknown> = Promise.resolve()
  const unsubscribe = map.onChange(({ schemaVersion = 0 }) => {
    if (schemaVersion <= known) return
    known = schemaVersion
    reading = reading
      .then(() => router.readCatalog())
      .catch((error: unknown) => {
        known = 0 // the next version of the map tries again
        log.warn({ err: error }, 'which tables are sharded could not be read again')
      })
  })
  return {
    async close() {
      unsubscribe()
      await reading
    },
  }
}
