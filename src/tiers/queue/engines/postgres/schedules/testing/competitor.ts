// A process that follows one schedule until it is killed: `competitor.ts MAP SECRETS NAME CRON`.

import { MapSubscription } from '../../../../../../map/subscription.ts'
import { openDatabase } from '../../../../../database/database.ts'
import { DatabaseRouter } from '../../../../../database/router.ts'
import { openStore, witnessed } from './witness.ts'

const [mapFile = '', secrets = '', name = '', cron = ''] = process.argv.slice(2)
const map = new MapSubscription(mapFile)
await map.start()
const router = new DatabaseRouter({ map, secrets: JSON.parse(secrets), node: `r/worker-${process.pid}` })
await router.start()
const schedules = witnessed(openStore(openDatabase(router)))
schedules.add(name, { cron, queue: name })
schedules.start()
process.stdout.write('follows\n')
