// A node's disk is full: of a replica, of the primary. Each node's write-ahead log lies on a small disk of its own, which is
// filled under load. Nothing acknowledged is lost, reads go on, and all is whole again when there is room.

import assert from 'node:assert/strict'
import { lstat, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../src/base/clock.ts'
import type { Status } from '../../../src/control/api.ts'
import { homeOf } from '../../../src/map/home.ts'
import { readSecrets } from '../../../src/map/secrets.ts'
import { readMap } from '../../../src/map/store.ts'
import { PostgresAdmin } from '../../../src/programs/postgres/admin.ts'
import type { RunningSystem } from '../../running-system.ts'
import { RecordedLoad } from '../history/recorded-load.ts'
import { type DatabaseNode, nowMs, primaryOf, replicasOf, upReplicated, waitWhole } from './replicated-system.ts'
import { asRoot, mountSmallDisk, type SmallDisk } from './small-disk.ts'
import { showSupervisorLogOfFailures } from './supervisor-log.ts'

const calmMs = 1500
/** How long it may take until the full disk hurts, and how long it then stays full. */
const fullMsMax = 15_000
const hurtMs = 3000
const lookIntervalMs = 50
/** Less than the half of a segment at a time, so that the server is hurt by its own writes too. */
const logBytes = 6 * 1024 * 1024
/** So much that only the disk that is filled on purpose gets full, also while the log is kept for its server. */
const diskMiB = 640

let system: RunningSystem
const disks = new Map<string, SmallDisk>()

before(async () => {
  system = await upReplicated()
})

showSupervisorLogOfFailures(() => system)

after(async () => {
  await system?.down()
  for (const disk of disks.values()) await disk[Symbol.asyncDispose]()
})

const victims: Record<string, (status: Status) => DatabaseNode | undefined> = {
  'a replica': (status) => replicasOf(status).find(({ id }) => disks.has(id)),
  'the primary': primaryOf,
}

for (const [victim, pick] of Object.entries(victims))
  test(`the disk of ${victim} is full: nothing is lost, and all is whole when there is room`, async (t) => {
    if (!(await moveLogs())) return t.skip('no file system can be mounted here')
    await using load = await RecordedLoad.start(system)
    await systemClock.sleep(calmMs)
    const node = pick(await waitWhole(system))
    const disk = node && disks.get(node.id)
    assert.ok(disk, `${node?.id} has no small disk`)
    await disk.fill()
    try {
      const seen = await useUpLog(node)
      for (const state of seen) t.diagnostic(`${node.id} while its disk was full: ${state}`)
      assert.ok(seen.size > 1, 'the full disk made no difference: nothing was tested')
    } finally {
      await disk.clear()
    }
    const clearedAtMs = nowMs()
    await waitWhole(system)
    t.diagnostic(`all whole ${((nowMs() - clearedAtMs) / 1000).toFixed(1)} s after there was room`)
    await systemClock.sleep(calmMs)
    const verdict = await load.end(t)
    verdict.assertHolds()
    // A primary without room first tries to recover, then it is replaced: meanwhile some are refused, as overload is.
    if (victim === 'a replica') verdict.assertNoneFailed('read')
  })

/** Writes log until no room is left even in the segments that were kept for it; answers the states that were seen. */
async function useUpLog({ id }: DatabaseNode): Promise<Set<string>> {
  const seen = new Set<string>()
  let untilMs = nowMs() + fullMsMax
  while (nowMs() < untilMs) {
    const status = await system.status()
    const { database, state, pid } = status.nodes.find((node) => node.id === id) ?? {}
    seen.add(`${database}, ${state}, pid ${pid}`)
    // Once the node is hurt, more log would only fill the others' disks.
    if (seen.size > 1) untilMs = Math.min(untilMs, nowMs() + hurtMs)
    else await writeLog(primaryOf(status)).catch(() => {}) // refused: it is full
    await systemClock.sleep(lookIntervalMs)
  }
  return seen
}

async function writeLog({ address, port }: DatabaseNode): Promise<void> {
  const { postgres: secrets } = await readSecrets(homeOf(system.dir))
  await using admin = await PostgresAdmin.connect({ address, port, secrets })
  await admin.query(`SELECT pg_logical_emit_message(false, 'fill', repeat('x', ${logBytes}))`)
}

/** Stops the system, puts each node's log on a disk of its own and starts it again. False where nothing can be mounted. */
async function moveLogs(): Promise<boolean> {
  const { nodes } = await readMap(homeOf(system.dir).map)
  await system.tenfold('down')
  for (const { id, dataDir } of nodes) {
    if (dataDir === undefined || (await lstat(join(dataDir, 'pg_wal'))).isSymbolicLink()) continue
    await disks.get(id)?.[Symbol.asyncDispose]()
    const disk = await mountSmallDisk(diskMiB)
    if (!disk) return false
    disks.set(id, disk)
    const log = join(dataDir, 'pg_wal')
    asRoot('cp', '-a', log, disk.path)
    await rename(log, `${log}.moved`)
    await symlink(join(disk.path, 'pg_wal'), log)
    await rm(`${log}.moved`, { recursive: true })
  }
  await system.tenfold('up', '--detach')
  await waitWhole(system)
  return true
}
