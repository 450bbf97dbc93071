// Log files that stay bounded under a process that goes on writing.

import assert from 'node:assert/strict'
import { closeSync, openSync, writeSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogRotation } from './log-rotation.ts'

test('a file that grew too large is cut, its copy kept, and its writer goes on in the same file', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-logs-'))
  const file = join(dir, 'us-east.web-1.log')
  const fd = openSync(file, 'a')
  try {
    const rotation = new LogRotation(dir, { bytesMax: 1000 })
    writeSync(fd, 'a'.repeat(900))
    await rotation.rotate()
    assert.equal((await stat(file)).size, 900)
    writeSync(fd, 'b'.repeat(200))
    await rotation.rotate()
    writeSync(fd, 'c')
    assert.equal(await readFile(file, 'utf8'), 'c')
    assert.equal((await readFile(`${file}.1`, 'utf8')).length, 1100)
  } finally {
    closeSync(fd)
    await rm(dir, { recursive: true })
  }
})
