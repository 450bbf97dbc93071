// A node's data lies where the server's user can reach it: beside the system's other state, or in a shared place.

import assert from 'node:assert/strict'
import { chmod, mkdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { canReach, findOwner, placeDataDir, sharedDir } from './owner.ts'
import { testDir } from './testing.ts'

const isRoot = process.getuid?.() === 0

test('data lies below the home, and asking again gives the same answer', async () => {
  const home = join(await testDir(), '.tenfold')
  try {
    const place = await placeDataDir(home, 'system', 'us-east/postgres-1')
    assert.equal(place, join(home, 'nodes', 'us-east.postgres-1'))
    assert.equal(await placeDataDir(home, 'system', 'us-east/postgres-1'), place)
    const owner = await findOwner()
    assert.equal((await stat(dirname(place))).mode & 0o777, owner ? 0o711 : 0o700)
    if (owner) assert.ok(await canReach(dirname(place), owner))
  } finally {
    await rm(dirname(home), { recursive: true })
  }
})

test('below a home that is closed to the server’s user it lies in the shared place, under the system’s name', {
  skip: isRoot ? false : 'only root runs servers as another user',
}, async () => {
  const home = await testDir()
  const system = `test-${process.pid}`
  try {
    await mkdir(join(home, 'nodes'))
    await chmod(home, 0o700)
    const place = await placeDataDir(home, system, 'us-east/postgres-1')
    assert.equal(place, join(sharedDir, system, 'us-east.postgres-1'))
    const owner = await findOwner()
    assert.ok(owner && (await canReach(dirname(place), owner)))
  } finally {
    await rm(home, { recursive: true })
    await rm(join(sharedDir, system), { recursive: true, force: true })
  }
})
