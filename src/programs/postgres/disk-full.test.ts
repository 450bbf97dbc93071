// A full disk is a clear error, costs no acknowledged row, and is over when there is room again.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { cloneCluster } from './clone.ts'
import { createCluster } from './cluster.ts'
import { isServerAlive, startServer, stopServer, waitForServer } from './server.ts'
import { connectAs, startTestPostgres, testDir, testSecrets } from './testing.ts'

const waitMs = 15_000
const rowBytes = 8000

test('a server whose disk fills keeps every acknowledged row, says disk-full, and works again', async (context) => {
  await using disk = await mountDisk(context, 160)
  if (!disk) return
  const dir = join(disk.path, 'node')
  await mkdir(dir, { mode: 0o711 })
  await using server = await startTestPostgres({ dir })
  const { dataDir } = server
  await using owner = await connectAs(server, 'owner')
  await owner.query('CREATE TABLE notes (id int PRIMARY KEY, filler text)')
  await owner.query('ALTER TABLE notes ALTER filler SET STORAGE PLAIN')
  const ballast = join(disk.path, 'ballast')
  await fill(ballast, 32)
  let acknowledged = 0
  const writing = (async () => {
    for (;;) {
      await owner.query('INSERT INTO notes VALUES ($1, $2)', [acknowledged + 1, 'x'.repeat(rowBytes)])
      acknowledged++
    }
  })()
  // Out of room for a table it is 53100; out of room for the log, the server ends.
  await assert.rejects(writing)
  assert.ok(acknowledged > 100)
  await server.admin.close()
  await stopServer(server.pid, 'immediate', waitMs)
  await fill(`${ballast}-2`, 0)
  await assert.rejects(startServer(server), { code: 'disk-full', message: new RegExp(dataDir) })
  await rm(ballast)
  await rm(`${ballast}-2`)
  const { pid } = await startServer(server)
  await waitForServer({ ...server, pid, timeoutMs: waitMs })
  assert.ok(isServerAlive(pid, dataDir))
  await using again = await connectAs(server, 'owner')
  const { rows } = await again.query('SELECT count(*)::int, max(id), sum(length(filler))::int AS bytes FROM notes')
  const [{ count, max, bytes }] = rows
  assert.ok(count >= acknowledged && count === max && bytes === count * rowBytes, `${count} of ${acknowledged}`)
  await again.query(`INSERT INTO notes VALUES (0, '')`)
})

test('a cluster that does not fit on its disk leaves nothing, whether it is made or cloned', async (context) => {
  await using disk = await mountDisk(context, 20)
  if (!disk) return
  const dataDir = join(disk.path, 'data')
  await assert.rejects(createCluster({ dataDir, secrets: testSecrets() }), { code: 'disk-full' })
  await using server = await startTestPostgres()
  await assert.rejects(cloneCluster({ from: server, secrets: server.secrets, dataDir }), { code: 'disk-full' })
  await assert.rejects(open(dataDir), { code: 'ENOENT' })
})

/** A file system of its own, in memory. Undefined where none can be had, which a CI run does not let pass. */
async function mountDisk(context: TestContext, sizeMiB: number) {
  const dir = await testDir()
  const path = join(dir, 'disk')
  await mkdir(path)
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  const run = (...words: string[]) => {
    const [program, ...rest] = [...asRoot, ...words] as [string, ...string[]]
    execFileSync(program, rest, { stdio: 'pipe' })
  }
  try {
    const ids = `uid=${process.getuid?.()},gid=${process.getgid?.()}`
    run('mount', '-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=0711,${ids}`, 'tmpfs', path)
  } catch (error) {
    await rm(dir, { recursive: true, force: true })
    if (process.env['CI'] === 'true') throw error
    context.skip('no file system can be mounted here: not root, and no sudo without a password')
    return null
  }
  const remove = async () => {
    run('umount', '-l', path)
    await rm(dir, { recursive: true, force: true })
  }
  return { path, [Symbol.asyncDispose]: remove }
}

/** Writes zeros until only `leaveMiB` are left. */
async function fill(path: string, leaveMiB: number): Promise<void> {
  const file = await open(path, 'w')
  const piece = Buffer.alloc(64 * 1024)
  try {
    for (;;) {
      const { bytesWritten } = await file.write(piece)
      if (bytesWritten < piece.length) break
    }
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  }
  const { size } = await file.stat()
  await file.truncate(Math.max(0, size - leaveMiB * 1024 * 1024))
  await file.close()
}
