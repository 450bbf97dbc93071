// The front door of an app.

import type { App } from './contract.ts'

/** Types an app against its database schema; the value is returned as it is. */
export function defineApp<DB>(app: App<DB>): App<DB> {
  return app
}
