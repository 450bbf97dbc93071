// The newcomer's way: one command, a real app on a real PostgreSQL, and what operators rely on around it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import sharp from 'sharp'
import { waitUntil } from '../../src/base/limits.ts'
import type { Status } from '../../src/control/api.ts'
import { isProcessAlive } from '../../src/programs/process.ts'
import { RunningSystem } from '../running-system.ts'

let system: RunningSystem
let cookie = ''
let firstLine = ''

before(async () => {
  system = await RunningSystem.prepare()
  firstLine = (await system.tenfold('up', '--detach')).stdout.split('\n')[0] ?? ''
})

after(() => system?.down())

async function signUp(name: string): Promise<{ id: string; cookie: string }> {
  const response = await fetch(`${system.appUrl}/api/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  })
  assert.equal(response.status, 201)
  const { id } = (await response.json()) as { id: string }
  return { id, cookie: response.headers.getSetCookie()[0]?.split(';')[0] ?? '' }
}

test('the first line says where the app and the dashboard are', () => {
  assert.match(firstLine, /^app http:\/\/127\.0\.0\.1:\d+ {2}dashboard http:\/\/127\.0\.0\.1:\d+\/#token=\S+$/)
})

test('a person signs up and uploads a real picture, and its thumbnails become ready', async () => {
  const person = await signUp('Ada')
  cookie = person.cookie
  const noise = { type: 'gaussian', mean: 120, sigma: 40 } as const
  const picture = await sharp({ create: { width: 1600, height: 1200, channels: 3, background: '#246', noise } })
    .jpeg()
    .toBuffer()
  const upload = await fetch(`${system.appUrl}/api/photos?caption=first`, {
    method: 'POST',
    headers: { 'content-type': 'image/jpeg', cookie },
    body: new Uint8Array(picture),
  })
  assert.equal(upload.status, 201)
  const photo = (await upload.json()) as { id: string; userId: string; status: string }
  assert.equal(photo.userId, person.id)
  const ready = await waitUntil(
    async () => {
      const response = await fetch(`${system.appUrl}/api/photos/${photo.userId}/${photo.id}`)
      const seen = (await response.json()) as { status: string; thumbnails: Record<string, string> }
      return seen.status === 'ready' && seen
    },
    { what: 'the thumbnails', timeoutMs: 30_000, intervalMs: 50 },
  )
  for (const size of [256, 1024]) {
    const thumbnail = await fetch(new URL(String(ready.thumbnails[size]), system.appUrl))
    assert.equal(thumbnail.status, 200)
    assert.equal((await sharp(await thumbnail.arrayBuffer()).metadata()).width, size)
  }
  const page = await fetch(`${system.appUrl}/`, { headers: { cookie } })
  assert.equal(page.status, 200)
  assert.match(await page.text(), /<html/)
})

test('status has the shape that operators rely on, with processes that are really there', async () => {
  const { stdout } = await system.tenfold('status', '--json')
  const status = JSON.parse(stdout) as Status
  assert.equal(status.rung, 1)
  assert.equal(status.climbing, null)
  assert.deepEqual(status.nodes.map((node) => node.role).sort(), ['postgres', 'web'])
  for (const node of status.nodes) {
    assert.equal(node.state, 'ready')
    assert.ok(node.pid !== null && isProcessAlive(node.pid), node.id)
    assert.match(node.since, /^\d{4}-\d\d-\d\dT/)
  }
  assert.deepEqual(status.shards, [
    {
      id: 's1',
      slots: 64,
      primary: 'us-east/postgres-1',
      replicas: [],
      timeline: 1,
      durability: 'single',
      quorum: null,
    },
  ])
  assert.deepEqual(status.regions, [{ id: 'us-east', healthy: true, weight: 1 }])
})

test('the control API wants the token and the right host; the dashboard page itself is open and holds no secret', async () => {
  const control = `http://127.0.0.1:${system.portBase + 70}`
  assert.equal((await fetch(`${control}/api/status`)).status, 401)
  assert.equal((await fetch(`${control}/api/status`, { headers: { authorization: 'Bearer x' } })).status, 401)
  assert.equal((await fetch(`${control}/metrics`)).status, 401)
  assert.equal((await fetch(`${control}/%61pi/status`)).status, 401)
  const token = (await readFile(join(system.dir, 'token'), 'utf8')).trim()
  const authorized = { authorization: `Bearer ${token}` }
  assert.equal((await fetch(`${control}/api/status`, { headers: authorized })).status, 200)
  const openApi = (await (await fetch(`${control}/api/openapi.json`, { headers: authorized })).json()) as {
    paths: object
  }
  assert.ok('/api/steps' in openApi.paths)
  assert.match(
    await (await fetch(`${control}/metrics`, { headers: authorized })).text(),
    /tenfold_node_up\{node="us-east\/web-1"/,
  )
  const page = await (await fetch(`${control}/`)).text()
  assert.match(page, /<script/)
  assert.ok(!page.includes(token))
  assert.equal((await fetch(`${control}/..%2f..%2ftoken`)).status, 404)
})

test('secrets are readable by their owner only', async () => {
  for (const name of ['secrets.json', 'token']) assert.equal((await stat(join(system.dir, name))).mode & 0o777, 0o600)
})

test('wrong input to the control API is refused with a reason', async () => {
  const control = `http://127.0.0.1:${system.portBase + 70}`
  const authorization = `Bearer ${(await readFile(join(system.dir, 'token'), 'utf8')).trim()}`
  for (const [path, body, expected] of [
    ['steps', '{"rung": 8}', /rung 8 \(data centers\) is not built yet/],
    ['steps', '{"rung": 99}', /rung/],
    ['steps', '{"topology": {"web": {"count": "two"}}}', /web\.count: expected number, .*got "two"/],
    ['steps', '{bad', /JSON/],
    ['scale', '{"role": "web", "count": 5}', /5 web processes need a balancer/],
    ['fault', '{"kind": "kill", "node": "us-east/web-9"}', /there is no node us-east\/web-9/],
  ] as const) {
    const response = await fetch(`${control}/api/${path}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body,
    })
    assert.ok(response.status >= 400 && response.status < 500, `${path} ${body} answered ${response.status}`)
    const { error } = (await response.json()) as { error: { code: string; message: string } }
    assert.match(error.message, expected)
  }
  assert.equal((await system.status()).rung, 1)
})

test('a malformed topology file says which key, what was expected and what was got; nothing changes', async () => {
  const file = join(system.dir, 'wrong.json')
  await writeFile(file, JSON.stringify({ rung: 3, front: { algorithm: 'random' }, webs: 1 }))
  const said = await system.tryTenfold('apply', file)
  assert.equal(said.code, 1)
  assert.match(said.stderr, /front\.algorithm: .*"round-robin"\|.*"consistent-hash", got "random"/)
  assert.match(said.stderr, /webs: is not a key of the topology/)
  const missing = await system.tryTenfold('plan', '/nowhere.ts')
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /cannot read \/nowhere\.ts/)
})

test('wrong usage exits with 2 and says what is right', async () => {
  for (const words of [['clmb'], ['climb', '--to', 'three'], ['fault', 'break', 'x'], ['plan'], ['up', '--rugn', '2']])
    assert.equal((await system.tryTenfold(...words)).code, 2, words.join(' '))
})

test('plan shows the steps and does none of them', async () => {
  const { stdout } = await system.tenfold('plan', '--rung', '3', '--json')
  const plan = JSON.parse(stdout) as { steps: Array<{ kind: string }> }
  assert.ok(plan.steps.some((step) => step.kind === 'switch-primary'))
  assert.equal((await system.status()).nodes.length, 2)
})

test('logs of every node can be read, and searched', async () => {
  const { stdout } = await system.tenfold('logs', '--json')
  const lines = JSON.parse(stdout) as Array<{ node: string; message: string }>
  assert.deepEqual([...new Set(lines.map((line) => line.node))].sort(), [
    'supervisor',
    'us-east/postgres-1',
    'us-east/web-1',
  ])
  const found = JSON.parse(
    (await system.tenfold('logs', 'us-east/postgres-1', '--grep', 'ready to accept', '--json')).stdout,
  )
  assert.ok(found.length >= 1)
})

test('a killed web process and a killed database are started again, with all data', async () => {
  for (const role of ['web', 'postgres'] as const) {
    const before = (await system.status()).nodes.find((node) => node.role === role)
    await system.tenfold('fault', 'kill', String(before?.id))
    await system.waitStatus(`${role} is back`, ({ nodes }) => {
      const now = nodes.find((node) => node.role === role)
      return now?.state === 'ready' && now.pid !== before?.pid && now.restarts === (before?.restarts ?? 0) + 1
    })
  }
  const me = await fetch(`${system.appUrl}/api/me`, { headers: { cookie } })
  assert.equal(me.status, 200)
  assert.equal(((await me.json()) as { name: string }).name, 'Ada')
})

test('without its supervisor the app goes on; up adopts the same processes, and only one supervisor', async () => {
  const before = await system.status()
  process.kill(Number(before.supervisor?.pid), 'SIGKILL')
  await waitUntil(() => !isProcessAlive(Number(before.supervisor?.pid)), { what: 'its death', timeoutMs: 5000 })
  assert.equal((await fetch(`${system.appUrl}/api/me`, { headers: { cookie } })).status, 200)
  const alone = JSON.parse((await system.tenfold('status', '--json')).stdout) as Status
  assert.equal(alone.supervisor, null)
  assert.deepEqual(
    alone.nodes.map((node) => node.state),
    ['ready', 'ready'],
  )

  await Promise.all([system.tenfold('up', '--detach'), system.tenfold('up', '--detach')])
  const after = await system.status()
  assert.notEqual(after.supervisor?.pid, before.supervisor?.pid)
  assert.deepEqual(
    after.nodes.map((node) => node.pid),
    before.nodes.map((node) => node.pid),
  )
})

test('down stops every process and keeps the data; up brings everything back, also in the foreground', async () => {
  const before = await system.status()
  await system.tenfold('down')
  for (const node of before.nodes) assert.ok(!isProcessAlive(Number(node.pid)), `${node.id} still runs`)
  assert.ok(!isProcessAlive(Number(before.supervisor?.pid)))

  const foreground = spawn(process.execPath, [...system.command, 'up', ...system.where], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [line] = (await once(foreground.stdout, 'data')) as [Buffer]
  assert.match(line.toString(), /^app http/)
  const me = await fetch(`${system.appUrl}/api/me`, { headers: { cookie } })
  assert.equal(((await me.json()) as { name: string }).name, 'Ada')
  foreground.kill('SIGINT')
  const [code] = await once(foreground, 'exit')
  assert.equal(code, 0)
  const said = await system.tryTenfold('down')
  assert.match(said.stdout, /nothing was running/)
})

test('an app that is broken, or missing, is named, and nothing is left running', async () => {
  await using broken = await RunningSystem.prepare({ 'package.json': { type: 'module' }, 'topology.json': {} })
  const missing = await broken.tryTenfold('up', '--detach')
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /there is no app at .*app\.ts/)
  await broken.writeApp('app.ts', "export default { setup() { throw new Error('my own mistake') } }\n")
  const failing = await broken.tryTenfold('up', '--detach')
  assert.equal(failing.code, 1)
  assert.match(failing.stderr, /my own mistake/)
  assert.deepEqual(await readdir(join(broken.dir, 'doors')).catch(() => []), [])
  await broken.writeApp('app.ts', "export default { setup({ http }) { http.get('/', () => ({ mended: true })) } }\n")
  await broken.tenfold('up', '--detach')
  assert.deepEqual(await (await fetch(broken.appUrl)).json(), { mended: true })
})

test('jobs move to processes of their own and back', async () => {
  await using workers = await RunningSystem.up()
  await workers.tenfold('scale', 'worker', '1')
  assert.deepEqual((await workers.status()).nodes.map((node) => node.role).sort(), ['postgres', 'web', 'worker'])
  await workers.tenfold('scale', 'worker', '0')
  assert.deepEqual((await workers.status()).nodes.map((node) => node.role).sort(), ['postgres', 'web'])
})

test('any program that listens on $PORT climbs too', async () => {
  await using program = await RunningSystem.up({
    'server.cjs': `require('node:http').createServer((_, response) => response.end('pid ' + process.pid)).listen(process.env.PORT, process.env.HOST)`,
    'topology.ts': `export default { rung: 1, web: { command: '"${process.execPath}" server.cjs', healthPath: '/' } }\n`,
  })
  assert.match(await (await fetch(program.appUrl)).text(), /^pid /)
  await program.tenfold('climb', '--to', '3')
  const pids = new Set<string>()
  for (let n = 0; n < 20; n++) pids.add(await (await fetch(program.appUrl)).text())
  assert.equal(pids.size, 2)
  // What tenfold/session-store needs, though there is no app of ours.
  const migrated = JSON.parse((await program.tenfold('db', 'migrate', '--json')).stdout)
  assert.ok(
    migrated.shards[0].applied.some((name: string) => /session/.test(name)),
    JSON.stringify(migrated),
  )
})
