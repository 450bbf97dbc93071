// The queue in the control API, and its figures for Prometheus.

import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { TenfoldError } from '../base/errors.ts'
import { durationBounds } from '../processes/queue/report.ts'
import type { QueueState, QueueSummary } from '../supervisor/queue.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import { bodies, deadQuery, jobQuery } from './openapi.ts'

export function addQueueRoutes(http: FastifyInstance, { queue }: Pick<Supervisor, 'queue'>): void {
  http.get('/api/queue', () => queue.report())
  http.get<{ Params: { id: string } }>('/api/queue/jobs/:id', async ({ params, query }) => {
    const life = await queue.job(params.id, parse(jobQuery, query, 'a queue is named by ?queue=').queue)
    if (life.job || life.events.length > 0) return life
    throw new TenfoldError('not-found', `nothing is known of a job ${params.id}: it is done for long, or never was`)
  })
  http.get('/api/queue/dead', (request) => {
    const { queue: name, limit, before } = parse(deadQuery, request.query, 'a page of dead jobs')
    return queue.dead({ limit, ...(name !== undefined && { queue: name }), ...(before !== undefined && { before }) })
  })
  http.post('/api/queue/redrive', ({ body }) => queue.redrive(parse(bodies.deadJobs, body, deadJobsExpected)))
  http.post('/api/queue/drop', ({ body }) => queue.drop(parse(bodies.deadJobs, body, deadJobsExpected)))
  http.post('/api/queue/cancel', ({ body }) => {
    const { queue: name, id } = parse(bodies.cancel, body, 'a job is named by queue and id')
    return queue.cancel(name, id)
  })
  http.get('/api/queue/schedules', async () => ({ schedules: await queue.schedules() }))
  http.get('/api/queue/streams', async () => ({ streams: await queue.streams() }))
  http.post('/api/queue/rewind', async ({ body }) => {
    const { stream, group, to } = parse(
      bodies.rewind,
      body,
      'a group of a stream is sent to start, now, a time or a position',
    )
    await queue.rewind(stream, group, to)
    return {}
  })
}

const deadJobsExpected = 'what is meant is one of ids, queue'

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown, expected: string): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  const problems = error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
  throw new TenfoldError('bad-input', `${expected}; ${problems.join('; ')}`)
}

const gauges: ReadonlyArray<[string, (queue: QueueState) => number]> = [
  ['tenfold_queue_waiting', ({ waiting }) => waiting],
  ['tenfold_queue_delayed', ({ delayed }) => delayed],
  ['tenfold_queue_leased', ({ leased }) => leased],
  ['tenfold_queue_dead', ({ dead }) => dead],
  ['tenfold_queue_oldest_seconds', ({ oldestMs }) => oldestMs / 1000],
]
/** Sums over the processes that run now: they fall when one ends, which Prometheus takes for a restart. */
const counters: ReadonlyArray<[string, (queue: QueueState) => number]> = [
  ['tenfold_queue_published_total', ({ published }) => published],
  ['tenfold_queue_done_total', ({ done }) => done],
  ['tenfold_queue_failed_total', ({ failed }) => failed],
  ['tenfold_queue_died_total', ({ died }) => died],
]

/** The Prometheus text format, version 0.0.4. */
export function renderQueue({ queues, trouble }: Pick<QueueSummary, 'queues' | 'trouble'>): string {
  const lines: string[] = []
  const add = (name: string, type: string, figure: (queue: QueueState) => number) => {
    lines.push(`# TYPE ${name} ${type}`)
    for (const queue of queues) lines.push(`${name}{queue="${queue.queue}"} ${figure(queue)}`)
  }
  // What nobody could count is left out, not 0.
  if (trouble === null) for (const [name, figure] of gauges) add(name, 'gauge', figure)
  for (const [name, figure] of counters) add(name, 'counter', figure)
  const name = 'tenfold_queue_run_seconds'
  lines.push(`# TYPE ${name} histogram`)
  for (const { queue, durations, durationSumMs } of queues) {
    let sum = 0
    durationBounds.forEach((bound, place) => {
      sum += durations[place] ?? 0
      lines.push(`${name}_bucket{queue="${queue}",le="${bound}"} ${sum}`)
    })
    const all = sum + (durations[durationBounds.length] ?? 0)
    lines.push(`${name}_bucket{queue="${queue}",le="+Inf"} ${all}`)
    lines.push(`${name}_sum{queue="${queue}"} ${durationSumMs / 1000}`, `${name}_count{queue="${queue}"} ${all}`)
  }
  return lines.map((line) => `${line}\n`).join('')
}
