// What a front leaves when its process is gone.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { BoundSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { describeError } from '../../base/errors.ts'
import { haproxyDirOf, homeOf } from '../../map/home.ts'
import type { MapNode, SystemMap } from '../../map/map.ts'
import { findHaproxy } from '../../programs/haproxy/binary.ts'
import { haproxyFilesOf } from '../../programs/haproxy/files.ts'
import { HaproxyInstance } from '../../programs/haproxy/instance.ts'
import { resolveTopology } from '../../topology/topology.ts'
import { EntrySocket } from '../entry.ts'
import { ProcessDriver } from './process-driver.ts'

const missing = await findHaproxy().then(() => undefined, describeError)
const skip = process.env['CI'] === 'true' ? false : missing

test('the HAProxy of a front without a process is stopped, and where there is none nothing is', { skip }, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-left-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const home = homeOf(dir)
  const entry = EntrySocket.open({ entry: { address: '127.0.0.1', port: 0 }, portBase: 8000 }, {})
  t.after(() => entry.close())
  const driver = new ProcessDriver(home, entry, () => ({ topology: resolveTopology({ rung: 3 }) }) as SystemMap)
  const front = { id: 'us-east/front-1', role: 'front' } as MapNode
  await driver.stopLeft(front)
  const files = haproxyFilesOf(haproxyDirOf(home, front.id))
  const bound = new BoundSocket({ host: '127.0.0.1', port: 0 })
  t.after(() => bound.close())
  const configuration = [
    `global\n    stats socket ${files.runtimeSocket} mode 600 level admin expose-fd listeners`,
    'defaults\n    mode http\n    timeout client 5s\n    timeout server 5s\n    timeout connect 1s',
    'frontend front\n    bind fd@3\n    http-request return status 200\n',
  ].join('\n')
  const binary = await findHaproxy()
  const instance = await HaproxyInstance.start({ binary, files, configuration, descriptors: [bound.fd()] })
  t.after(() => instance.stop(0))
  await driver.stopLeft({ ...front, role: 'web' })
  assert.equal(instance.isAlive, true)
  await driver.stopLeft(front)
  assert.equal(instance.isAlive, false)
})
