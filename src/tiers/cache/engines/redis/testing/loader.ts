// A process of its own for the tests of loads over processes: a whole cache, memory before redis. By environment: PORTS,
// PASSWORD, KEY, CALLERS, LOAD_MS. It says `loading` when its loader runs, and at last the answers of all its callers as one
// line of JSON.

import { openCache } from '../../../cache.ts'
import { TwoLevels } from '../../../shared/two-levels.ts'
import { openMemoryCache } from '../../memory/engine.ts'
import { openAt } from '../testing.ts'

const { PORTS = '', PASSWORD = '', KEY = '', CALLERS = '1', LOAD_MS = '0' } = process.env
const nodes = PORTS.split(',').map((port) => ({ address: '127.0.0.1', port: Number(port) }))
const redis = await openAt({ kind: 'nodes', nodes }, PASSWORD)
const engine = new TwoLevels(openMemoryCache({ bytesMax: 1024 * 1024 }), redis)
const cache = openCache(engine)
console.log('ready')
await new Promise((resolve) => process.stdin.once('data', resolve))
const load = async () => {
  console.log('loading')
  await new Promise((resolve) => setTimeout(resolve, Number(LOAD_MS)))
  return process.pid
}
const answers = await Promise.all(Array.from({ length: Number(CALLERS) }, () => cache.wrap(KEY, { ttl: '1m' }, load)))
console.log(JSON.stringify(answers))
await engine.close()
process.stdin.destroy()
