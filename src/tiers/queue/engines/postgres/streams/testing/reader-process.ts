// A process that reads a stream and writes down what it was given, until it is killed. Arguments: map file, password of app,
// its node, stream.

import { MapSubscription } from '../../../../../../map/subscription.ts'
import type { ShardDatabase } from '../../../../../database/contract.ts'
import { openDatabase } from '../../../../../database/database.ts'
import { DatabaseRouter } from '../../../../../database/router.ts'
import { StreamTier } from '../../../../streams/streams.ts'
import { openPostgresStreams } from '../engine.ts'

const [mapFile = '', app = '', node = '', stream = ''] = process.argv.slice(2)
const map = new MapSubscription(mapFile)
await map.start()
const router = new DatabaseRouter({ map, secrets: { app }, node })
await router.start()
const db = openDatabase<unknown>(router)
const [shard] = db.shards() as [ShardDatabase]
const tier = new StreamTier(
  openPostgresStreams(() => db.shards()),
  { log: { warn() {}, error() {} }, node },
)
tier.streams.consume(stream, { group: 'g', from: 'start', batchMax: 7 }, async (entries) => {
  for (const { payload } of entries) await shard.query('insert into given (n) values ($1)', [payload['n']])
})
tier.startReaders()
process.send?.('reads')
// Nothing outlives its test.
process.once('disconnect', () => process.exit())
