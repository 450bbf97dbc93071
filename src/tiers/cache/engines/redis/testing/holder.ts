// A process of its own that holds a lock of a Redis server until it is killed. By environment: PORT, PASSWORD.

import { holdUntilKilled } from '../../../shared/testing/holding-process.ts'
import { openAt } from '../testing.ts'

const { PORT = '', PASSWORD = '' } = process.env
const { locks } = await openAt({ kind: 'nodes', nodes: [{ address: '127.0.0.1', port: Number(PORT) }] }, PASSWORD)
await holdUntilKilled((name, holdMs) => locks.acquire(name, { holdMs }))
