// Backups across a failover, as an operator has them: the primary is killed, and every moment before and after it comes back.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Status } from '../../src/control/api.ts'
import type { RestoredServer } from '../../src/supervisor/backup/restore/restore.ts'
import { namesIn, Operator, pause } from '../operator.ts'
import { RunningSystem } from '../running-system.ts'

const timeoutMs = 90_000

let system: RunningSystem
let operator: Operator
let dir: string

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tenfold-backups-'))
  system = await RunningSystem.prepare()
  operator = new Operator(system)
  await system.tenfold('up', '--detach', '--rung', '4')
})
after(async () => {
  await system?.down()
  await rm(dir, { recursive: true, force: true })
})

test('on rung 4, a killed primary breaks neither the archive nor what can be restored', async () => {
  const topology = join(dir, 'rung-4.json')
  await writeFile(topology, JSON.stringify({ rung: 4, database: { backup: { to: join(dir, 'backups') } } }))
  await system.tenfold('apply', topology)
  await system.waitStatus('the first backup', ({ backup }) => backup?.lastBackupAt != null, timeoutMs)
  await operator.signUp('Eve')
  const [shard] = (await system.status()).shards
  const primary = (await system.status()).nodes.find(({ id }) => id === shard?.primary)
  const before = await archivedMoment()
  process.kill(primary?.pid ?? 0, 'SIGKILL')
  const isOver = ({ shards, nodes }: Status) =>
    shards[0]?.primary !== shard?.primary && nodes.every(({ state }) => state === 'ready')
  await system.waitStatus('the failover', isOver, timeoutMs)
  await operator.signUp('Fred')
  const after = await archivedMoment()
  await operator.signUp('Gus')
  const { isSound } = await operator.json<{ isSound: boolean }>('db', 'verify')
  assert.equal(isSound, true)
  for (const [time, last] of [
    [before, 'Eve'],
    [after, 'Fred'],
  ]) {
    const { servers } = await operator.json<{ servers: RestoredServer[] }>('db', 'restore', '--to', String(time))
    const [server] = servers
    assert.ok(server)
    assert.equal((await namesIn(system, server)).at(-1), last)
    await system.tenfold('db', 'restore', '--remove', server.dir)
  }
  assert.equal((await system.status()).backup?.trouble, null)
})

/** A moment that the archive has, between what was done before and what comes next. */
async function archivedMoment(): Promise<string> {
  await pause()
  const moment = new Date().toISOString()
  await system.waitStatus('the archive', ({ backup }) => (backup?.archivedUntil ?? '') > moment, timeoutMs)
  return moment
}
