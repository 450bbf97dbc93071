// The suite over PostgreSQL, with all slots on one shard and spread over three.

import { databaseConformance } from './conformance.ts'
import { startTestDatabase } from './testing.ts'

for (const shards of [1, 3])
  databaseConformance(`${shards} shard${shards > 1 ? 's' : ''} of PostgreSQL`, async () => {
    const { db, router, stop } = await startTestDatabase({ shards })
    return { db, hold: (terms) => router.hold(terms), release: () => router.release(), close: stop }
  })
