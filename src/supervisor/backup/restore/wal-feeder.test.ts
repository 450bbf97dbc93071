// The script that a recovering server runs: what it puts where, and the exit code by which the server decides.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cp, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { historyName, segmentBytes, segmentName } from '../../../programs/postgres/wal-segment.ts'
import { ShardArchive } from '../archive.ts'
import { FolderStore } from '../store/folder.ts'
import { WalFeeder } from './wal-feeder.ts'

/** The codes from which on a server gives up. */
const givesUp = (code: number) => code > 125

const at = (timeline: number, number: number) => ({ timeline, lsn: BigInt(number * segmentBytes) })
const whole = randomBytes(segmentBytes)

let dir: string
let feeder: WalFeeder

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tenfold-feeder-'))
  const archive = new ShardArchive(new FolderStore(join(dir, 'store')), 's1')
  for (const number of [3, 4, 5]) await archive.putSegment(at(1, number), whole)
  await archive.putSegment(at(2, 5), whole)
  await archive.putPartial(at(2, 6), whole.subarray(0, 1000))
  await archive.putHistory(2, '1\t0/5000100\ta failover\n')
  feeder = new WalFeeder({
    ...{ archive, wal: await archive.listWal(), owner: undefined, dir: join(dir, 'it\'s 100% "fed"') },
    path: [
      { timeline: 1, endLsn: BigInt(5 * segmentBytes + 256) },
      { timeline: 2, endLsn: undefined },
    ],
  })
  await feeder.start()
})
afterEach(async () => {
  await feeder.stop()
  await rm(dir, { recursive: true, force: true })
})

test('a segment, a partial one filled up, and a history arrive, as often as they are asked for', async () => {
  for (const number of [3, 4, 3]) assert.ok((await fetchFile(segmentName(at(1, number))))?.equals(whole))
  const partial = await fetchFile(segmentName(at(2, 6)))
  assert.equal(partial?.length, segmentBytes)
  assert.ok(partial?.subarray(0, 1000).equals(whole.subarray(0, 1000)))
  assert.ok(partial?.subarray(1000).every((byte) => byte === 0))
  assert.match(String(await fetchFile(historyName(2))), /a failover/)
})

test('what the archive does not have ends the log, and so does what lies on a branch beside the way', async () => {
  assert.equal(await exitCode(segmentName(at(2, 7))), 1)
  assert.equal(await exitCode(historyName(3)), 1)
  assert.equal(await exitCode(segmentName(at(1, 6))), 1)
  assert.equal(await exitCode(segmentName(at(1, 5))), 0, 'the segment in which the timeline was left is on the way')
})

test('a damaged segment makes the server give up, and the reason is kept', async () => {
  await writeFile(join(dir, `store/s1/wal/${segmentName(at(1, 4))}.zst`), 'no segment')
  assert.ok(givesUp(await exitCode(segmentName(at(1, 4)))))
  assert.match(feeder.failure ?? '', /is damaged/)
})

test('when we are gone, in order or killed, the server gives up and does not take it for the end', async () => {
  const command = feeder.restoreCommand
  const dead = join(dir, 'dead')
  await cp(join(dir, 'it\'s 100% "fed"'), dead, { recursive: true })
  const minutesAgo = new Date(Date.now() - 120_000)
  await utimes(join(dead, 'alive'), minutesAgo, minutesAgo)
  assert.ok(givesUp(await run(`/bin/sh '${dead}/fetch' %f %p`, segmentName(at(1, 3)))))
  await feeder.stop()
  assert.ok(givesUp(await run(command, segmentName(at(1, 3)))))
})

async function fetchFile(name: string): Promise<Buffer | undefined> {
  return (await exitCode(name)) === 0 ? readFile(join(dir, 'placed')) : undefined
}

function exitCode(name: string): Promise<number> {
  return run(feeder.restoreCommand, name)
}

/** As PostgreSQL does: %f and %p replaced, %% being a %, and the rest the shell's. */
function run(command: string, name: string): Promise<number> {
  const line = command.replace(/%[fp%]/g, (part) => ({ '%f': name, '%p': join(dir, 'placed') })[part] ?? '%')
  return new Promise((resolve) => {
    const child = execFile('/bin/sh', ['-c', line], () => resolve(child.exitCode ?? 255))
  })
}
