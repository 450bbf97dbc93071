// The queue in the control API: who is asked, what is refused, and the figures for Prometheus.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { isTenfoldError, statusOf, TenfoldError } from '../base/errors.ts'
import { homeOf } from '../map/home.ts'
import type { MapNode, Role, SystemMap } from '../map/map.ts'
import { DoorServer } from '../processes/door/server.ts'
import type { QueueAnswers, QueueRequest } from '../processes/queue/desk.ts'
import { durationBounds } from '../processes/queue/report.ts'
import { EventLog } from '../supervisor/events.ts'
import { MapKeeper } from '../supervisor/map-keeper.ts'
import { QueueControl } from '../supervisor/queue.ts'
import { resolveTopology } from '../topology/topology.ts'
import { addQueueRoutes, renderQueue } from './queue-routes.ts'

const id = '0199aaaa-0000-7000-8000-000000000000'
const use = {
  ...{ queue: 'mail', published: 3, done: 2, failed: 1, died: 0, publishedPerSecond: 1, donePerSecond: 0.5 },
  ...{ failedPerSecond: 0, durations: durationBounds.map(() => 0).concat(1), durationSumMs: 400_000 },
  ...{ slowest: [{ id, durationMs: 400_000, at: '' }], busyMs: 1, passedMs: 2, inFlight: 1 },
}
const depth = { queue: 'mail', waiting: 7, delayed: 1, leased: 1, dead: 2, isMore: false, oldestMs: 1500 }

const home = homeOf(await mkdtemp(join(tmpdir(), 'tenfold-queue-routes-')))
const doors: DoorServer[] = []
const asked: string[] = []
let http: FastifyInstance

before(async () => {
  const nodes = [node('us-east/web-1', 'web'), node('us-east/worker-1', 'worker'), node('us-east/worker-2', 'worker')]
  // The first worker has a process and no door: it stands still.
  for (const { id } of [nodes[0], nodes[2]] as MapNode[]) {
    const door = new DoorServer(home, id, {
      state: () => ({ node: id, mapVersion: 1, isReady: true, hasEntry: false, inFlight: 0 }),
      applyMap: async () => {},
      queue: async (request) => answer(id, request),
    })
    await door.start()
    doors.push(door)
  }
  const keeper = new MapKeeper(home, { ...mapOf(), nodes })
  http = fastify()
  http.setErrorHandler((error, _request, reply) =>
    reply.status(statusOf(error)).send({ code: isTenfoldError(error) ? error.code : String(error) }),
  )
  addQueueRoutes(http, { queue: new QueueControl({ home, keeper, events: new EventLog(pino({ level: 'silent' })) }) })
})

after(async () => {
  await http?.close()
  for (const door of doors) await door.stop()
  await rm(home.dir, { recursive: true, force: true })
})

test('every process that answers counts, and one of them tells what lies there', async () => {
  const { queues, engine, trouble } = await get('/api/queue')
  assert.deepEqual([engine, trouble, queues.length], ['postgres', null, 1])
  const [mail] = queues
  assert.deepEqual([mail.waiting, mail.dead, mail.oldestMs, mail.done, mail.inFlight], [7, 2, 1500, 4, 2])
  assert.equal(mail.busyMs, undefined)
})

test("one job's life is put together from all processes; one that nobody knows is not found", async () => {
  const life = await get(`/api/queue/jobs/${id}`)
  assert.deepEqual(
    life.events.map(({ node }: { node: string }) => node),
    ['us-east/web-1', 'us-east/worker-2'],
  )
  assert.equal(life.job, null)
  const unknown = await http.inject('/api/queue/jobs/0199bbbb-0000-7000-8000-000000000000')
  assert.deepEqual([unknown.statusCode, unknown.json()], [404, { code: 'not-found' }])
})

test('whoever does not answer is passed over; what a process refuses is the answer', async () => {
  asked.length = 0
  assert.deepEqual(await post('/api/queue/cancel', { queue: 'mail', id }), [200, { answer: 'asked' }])
  assert.deepEqual(asked, ['us-east/worker-2 cancel'])
  const rewind = { stream: 's', group: 'g', to: { at: '2026-11-25T06:00:00Z' } }
  assert.deepEqual(await post('/api/queue/rewind', rewind), [404, { code: 'not-found' }])
})

test('what cannot be meant is refused before anybody is asked', async () => {
  asked.length = 0
  const wrong: Array<[string, object]> = [
    ['redrive', {}],
    ['redrive', { ids: [] }],
    ['drop', { ids: ['x'] }],
    ['drop', { ids: [id], queue: 'mail' }],
    ['cancel', { id }],
    ['rewind', { stream: 's', group: 'g', to: 'yesterday' }],
    ['rewind', { stream: 's', group: 'g', to: { at: 'noon' } }],
  ]
  for (const [path, body] of wrong)
    assert.deepEqual(await post(`/api/queue/${path}`, body), [400, { code: 'bad-input' }], JSON.stringify(body))
  assert.equal((await http.inject('/api/queue/dead?limit=1000')).statusCode, 400)
  assert.deepEqual(asked, [])
})

test('figures for Prometheus: a histogram adds up, and what nobody could count is left out', () => {
  const { busyMs: _, passedMs: __, ...rest } = use
  const state = { ...depth, ...rest }
  const text = renderQueue({ queues: [state], trouble: null })
  for (const line of [
    'tenfold_queue_waiting{queue="mail"} 7',
    'tenfold_queue_oldest_seconds{queue="mail"} 1.5',
    'tenfold_queue_failed_total{queue="mail"} 1',
    'tenfold_queue_run_seconds_bucket{queue="mail",le="300"} 0',
    'tenfold_queue_run_seconds_bucket{queue="mail",le="+Inf"} 1',
    'tenfold_queue_run_seconds_sum{queue="mail"} 400',
    'tenfold_queue_run_seconds_count{queue="mail"} 1',
  ])
    assert.ok(text.includes(`${line}\n`), `${line} is not in\n${text}`)
  assert.doesNotMatch(renderQueue({ queues: [state], trouble: 'nobody answers' }), /tenfold_queue_waiting/)
})

async function answer(node: string, request: QueueRequest): Promise<QueueAnswers[QueueRequest['kind']]> {
  asked.push(`${node} ${request.kind}`)
  switch (request.kind) {
    case 'report':
      return { queues: [use], depth: request.withDepth ? [depth] : null, trouble: null }
    case 'events':
      return request.id === id
        ? [{ at: node.includes('web') ? '1' : '2', node, event: 'done', queue: 'mail', id, attempt: 1 }]
        : []
    case 'job':
      return null
    case 'cancel':
      return { answer: 'asked' }
    default:
      throw new TenfoldError('not-found', `there is no ${request.kind}`)
  }
}

// biome-ignore lint/suspicious/noExplicitAny: what is answered is held against what it should be
async function get(url: string): Promise<any> {
  const response = await http.inject(url)
  assert.equal(response.statusCode, 200, response.body)
  return response.json()
}

async function post(url: string, body: object): Promise<[number, unknown]> {
  const response = await http.inject({ method: 'POST', url, payload: body })
  return [response.statusCode, response.json()]
}

function node(id: string, role: Role): MapNode {
  return {
    ...{ id, role, region: 'us-east', host: 'us-east/host-1', address: '127.0.0.1', port: 1 },
    ...{ pid: process.pid, state: 'ready', since: '', restarts: 0, entry: false },
  }
}

function mapOf(): SystemMap {
  const topology = resolveTopology({ rung: 1 })
  return {
    ...{ version: 1, system: 'queue', rung: 1, topology, appDir: '/', portBase: 8000, hasHostAddresses: false },
    ...{ entry: { address: '127.0.0.1', port: 1 }, shards: [], regions: [], nodes: [] },
  }
}
