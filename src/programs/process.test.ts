// When a process counts as gone.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { endsBy } from './process.ts'

/** Listens, and has threads that are at work, so that it takes a moment to die. */
const program = `const { pbkdf2 } = require('node:crypto')
for (let i = 0; i < 8; i++) pbkdf2('a', 'b', 1e7, 64, 'sha512', () => {})
require('node:net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })`

test('a process that was killed is gone when its sockets are', async () => {
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] })
    const [said] = await once(child.stdout, 'data')
    assert.equal(await endsBy(child.pid as number, 'SIGKILL', { withinMs: 10_000, pollMs: 0 }), true)
    const socket = connect(Number(String(said)), '127.0.0.1')
    const outcome = await new Promise((resolve) => {
      socket.once('connect', () => resolve('connected'))
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    })
    socket.destroy()
    assert.equal(outcome, 'ECONNREFUSED')
  }
})
