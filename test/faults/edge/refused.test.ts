// A topology with which no front could start is refused before anything knows of it: what serves then can still be started again.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { TopologyInput } from '../../../src/topology/schema.ts'
import type { RunningSystem } from '../../running-system.ts'
import { showSupervisorLogOfFailures } from '../database/supervisor-log.ts'
import { apply, askSecurely, frontsOf, upWithEdge } from './edge-system.ts'

const withTls = { rung: 3, front: { count: 1, tls: { enabled: true } } } satisfies TopologyInput

let system: RunningSystem

before(async () => {
  system = await upWithEdge()
})

showSupervisorLogOfFailures(() => system)

after(() => system?.down())

test('certificates that are not there', async () => {
  const front = { ...withTls.front, tls: { enabled: true, certificates: './nowhere' } }
  await assertRefused({ ...withTls, front }, /no certificate that can be used in .*nowhere/)
})

test('a port for TLS that another program has; when it has gone, the same topology is reached', async (t) => {
  const other = createServer().listen(system.portBase + 443, '127.0.0.1')
  t.after(() => other.close())
  await once(other, 'listening')
  await assertRefused(withTls, /taken by another program/)
  other.close()
  await once(other, 'close')
  await apply(system, withTls)
  const { urls } = await system.status()
  assert.equal(await askSecurely(`${urls.tls}/made/x`), 200)
})

async function assertRefused(topology: TopologyInput, why: RegExp): Promise<void> {
  const before = (await system.status()).topology
  const fronts = await frontsOf(system)
  const file = join(system.dir, 'refused.json')
  await writeFile(file, JSON.stringify(topology))
  const { code, stderr } = await system.tryTenfold('apply', file)
  assert.notEqual(code, 0)
  assert.match(stderr, why)
  const after = await system.status()
  assert.deepEqual(after.topology, before)
  assert.deepEqual(
    (await frontsOf(system)).map(({ pid }) => pid),
    fronts.map(({ pid }) => pid),
  )
}
