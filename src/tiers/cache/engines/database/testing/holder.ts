// A process of its own that holds a lock of the database until it is killed.

import { slotCount, slotOfText } from '../../../../database/hash.ts'
import { holdUntilKilled } from '../../../shared/testing/holding-process.ts'
import { openDatabaseLocks } from '../guards.ts'
import { openFromEnvironment } from './process.ts'

const { db } = await openFromEnvironment()
const { locks } = openDatabaseLocks(db, { slotOf: slotOfText, slotCount })
await holdUntilKilled((name, holdMs) => locks.acquire(name, { holdMs }))
