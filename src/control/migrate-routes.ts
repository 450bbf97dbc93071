// What migrations that ran beside the system ask of the supervisor: to tell every process that tables have changed.

import type { FastifyInstance } from 'fastify'
import type { MapKeeper } from '../supervisor/map-keeper.ts'

export function addMigrateRoutes(http: FastifyInstance, keeper: MapKeeper): void {
  http.post('/api/schema', async () => {
    await keeper.changeEverywhere((draft) => {
      draft.schemaVersion = (draft.schemaVersion ?? 0) + 1
    })
    return { version: keeper.map.version }
  })
}
