// Telling our processes from others by what only they have: the system and the node that they were started for.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { homeOf } from '../map/home.ts'
import { processesOf, runsNode } from './pid.ts'

test('a process is found by its system and node, with its children, and not by another system', {
  skip: process.platform !== 'linux' && 'the environment of a process can be read on Linux only',
}, async () => {
  const home = homeOf('/tmp/tenfold-pid-test')
  const leader = spawn('/bin/sh', ['-c', 'sleep 60 & echo started; wait'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TENFOLD_HOME: home.dir, TENFOLD_NODE: 'us-east/web-7' },
  })
  const pid = Number(leader.pid)
  try {
    await once(leader.stdout, 'data')
    const found = processesOf(home, 'us-east/web-7')
    assert.equal(found.length, 2)
    assert.deepEqual(
      found.filter(({ isLeader }) => isLeader).map((process) => process.pid),
      [pid],
    )
    assert.ok(runsNode(pid, home, 'us-east/web-7'))
    assert.ok(!runsNode(pid, home, 'us-east/web-70'))
    assert.ok(!runsNode(pid, homeOf('/tmp/tenfold-pid'), 'us-east/web-7'))
    assert.deepEqual(processesOf(homeOf('/tmp/tenfold-pid'), 'us-east/web-7'), [])
  } finally {
    process.kill(-pid, 'SIGKILL')
  }
})
