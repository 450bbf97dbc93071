// A process of its own for the tests of loads over processes. By environment: PORTS, PASSWORD, KEY, CALLERS, LOAD_MS. It
// says `loading` when its loader runs, and at last the answers of all its callers as one line of JSON.

import { loadOnce } from '../../../shared/load-once.ts'
import { keptOf, openAt } from '../testing.ts'

const { PORTS = '', PASSWORD = '', KEY = '', CALLERS = '1', LOAD_MS = '0' } = process.env
const nodes = PORTS.split(',').map((port) => ({ address: '127.0.0.1', port: Number(port) }))
await using cache = await openAt({ kind: 'nodes', nodes }, PASSWORD, { limits: { callMsMax: 2000, callsMax: 10_000 } })
console.log('ready')
await new Promise((resolve) => process.stdin.once('data', resolve))
const load = async () => {
  console.log('loading')
  await new Promise((resolve) => setTimeout(resolve, Number(LOAD_MS)))
  return { kept: keptOf(process.pid), keepMs: 60_000 }
}
const answers = await Promise.all(Array.from({ length: Number(CALLERS) }, () => loadOnce(cache, KEY, load)))
console.log(JSON.stringify(answers.map((kept) => kept?.value)))
process.stdin.destroy()
