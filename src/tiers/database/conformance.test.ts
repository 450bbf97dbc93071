// The suite over PostgreSQL: all slots on one shard, spread over three, and one shard that has a replica.

import { startTestReplica } from '../../programs/postgres/testing.ts'
import { databaseConformance } from './conformance.ts'
import { startTestDatabase, type TestDatabase } from './testing.ts'

const subjectOf = ({ db, router, stop }: TestDatabase, close = stop) => ({
  db,
  hold: (terms: Parameters<typeof router.hold>[0]) => router.hold(terms),
  release: () => router.release(),
  close,
})

for (const shards of [1, 3])
  databaseConformance(`${shards} shard${shards > 1 ? 's' : ''} of PostgreSQL`, async () =>
    subjectOf(await startTestDatabase({ shards })),
  )

databaseConformance('PostgreSQL with a replica', async () => {
  const database = await startTestDatabase()
  const replica = await startTestReplica(database.server, { slot: 'replica' })
  await database.setReplicas([replica])
  await database.map.refresh()
  return subjectOf(database, async () => {
    await database.stop()
    await replica.stop()
  })
})
