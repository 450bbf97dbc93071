// Every route of the control API with what it takes: the one table that requests are checked by and that the OpenAPI
// document is made from.

import { z } from 'zod'
import { topologySchema } from '../topology/schema.ts'

const target = z.union([
  z.strictObject({ rung: z.int().min(1).max(11).describe('A rung: its preset is the target.') }),
  z.strictObject({ topology: z.record(z.string(), z.unknown()).describe('A topology as a file has it.') }),
])

const address = z
  .string()
  .max(16 * 1024)
  .regex(/^https?:\/\/[!-~]+$/, 'expected a URL with its scheme and host')
const soft = z
  .boolean()
  .optional()
  .describe('It stays, and is given only after a server said that it still holds, or when none answers.')

const userId = z.string().min(1).max(1024)
const queueName = z.string().min(1).max(100)
const jobId = z.uuid()

export const bodies = {
  target,
  scale: z.strictObject({ role: z.enum(['front', 'web', 'worker']), count: z.int().min(0).max(256) }),
  switchover: z.strictObject({
    shard: z.string(),
    to: z.string().optional().describe('Id of the replica; the one that is least behind when left out.'),
  }),
  backup: z.strictObject({ shard: z.string().optional().describe('All of them when left out.') }),
  purge: z.union([
    z.strictObject({ url: address.describe('The whole URL: scheme, host, path and query.'), soft }),
    z.strictObject({ prefix: address.describe('What URLs begin with.'), soft }),
    z.strictObject({
      tag: z
        .string()
        .regex(/^[!-~]{1,1024}$/, 'expected visible ASCII characters')
        .describe('A tag of answers (Cache-Tag).'),
      soft,
    }),
    z.strictObject({ everything: z.literal(true), soft }),
  ]),
  revoke: z.union([
    z.strictObject({ user: userId.describe('All sessions of a user.') }),
    z.strictObject({ id: z.string().min(1).max(256).describe('One session.') }),
  ]),
  rotateKey: z.strictObject({
    dropsOld: z
      .boolean()
      .default(false)
      .describe('Somebody else may have the old keys: none verifies any more, and everybody is logged out.'),
  }),
  deadJobs: z.union([
    z.strictObject({ ids: z.array(jobId).min(1).max(500).describe('Ids of dead jobs.') }),
    z.strictObject({ queue: queueName.describe('All dead jobs of a queue; at most 10,000 in one call.') }),
  ]),
  cancel: z.strictObject({ queue: queueName, id: jobId }),
  rewind: z.strictObject({
    stream: queueName,
    group: queueName,
    to: z.union([
      z.enum(['start', 'now']),
      z.strictObject({ at: z.iso.datetime({ offset: true }).describe('The first entry that is not older.') }),
      z.strictObject({ position: z.string().min(1).max(256).describe('This entry is the next.') }),
    ]),
  }),
  replay: z.strictObject({
    file: z.string().optional().describe('Name of a salvage file; the newest when left out.'),
    dryRun: z.boolean().default(false).describe('Tells what would happen, and does nothing.'),
  }),
  fault: z.strictObject({ kind: z.enum(['kill', 'pause', 'resume', 'slow', 'cut']), node: z.string() }),
}

export const logsQuery = z.strictObject({
  node: z.string().optional().describe('Id of a node; all of them when left out.'),
  lines: z.coerce.number().int().min(1).max(10_000).default(200),
  grep: z.string().max(200).optional().describe('Only lines that hold this text.'),
})

export const salvageQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0).describe('Position of the last transaction that is known.'),
  limit: z.coerce.number().int().min(1).max(100).default(50),
})

export const sessionsQuery = z.strictObject({ user: userId.describe('The field userId of its sessions.') })

export const deadQuery = z.strictObject({
  queue: queueName.optional().describe('All queues when left out.'),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  before: z.string().max(100).optional().describe('`next` of the page before.'),
})

export const jobQuery = z.strictObject({
  queue: queueName.optional().describe('It is looked for in all of them when left out.'),
})

interface Route {
  method: 'get' | 'post'
  path: string
  summary: string
  body?: z.ZodType
  query?: z.ZodObject
  answer?: number
}

const routes: readonly Route[] = [
  { method: 'get', path: '/api/status', summary: 'The system: nodes, shards, regions, the climb under way.' },
  { method: 'get', path: '/api/events', summary: 'Server-sent events: status, event, progress.' },
  { method: 'post', path: '/api/plan', summary: 'The steps to a target, without doing them.', body: target },
  { method: 'post', path: '/api/steps', summary: 'Begins the climb to a target.', body: target, answer: 202 },
  {
    method: 'post',
    path: '/api/scale',
    summary: 'Changes how many processes a role has.',
    body: bodies.scale,
    answer: 202,
  },
  {
    method: 'post',
    path: '/api/switchover',
    summary: 'Makes a replica the primary of its shard; no request fails.',
    body: bodies.switchover,
    answer: 202,
  },
  {
    method: 'post',
    path: '/api/schema',
    summary: 'Tables were changed by migrations: every process reads again which of them are sharded.',
  },
  { method: 'get', path: '/api/backups', summary: 'Base backups, and the times that can be restored.' },
  { method: 'post', path: '/api/backups', summary: 'Begins a base backup.', body: bodies.backup, answer: 202 },
  { method: 'get', path: '/api/salvages', summary: 'Files of writes that a failover lost.' },
  {
    method: 'get',
    path: '/api/salvages/{file}',
    summary: 'The transactions in one, a page at a time.',
    query: salvageQuery,
  },
  {
    method: 'post',
    path: '/api/salvages/replay',
    summary: 'Does lost transactions again; nothing is overwritten.',
    body: bodies.replay,
  },
  {
    method: 'get',
    path: '/api/edge',
    summary: 'What each front keeps, what it answered from it, and what that saves.',
  },
  {
    method: 'get',
    path: '/api/cache',
    summary:
      'Hit ratios by name, hot keys, the working set, what write-back has not stored, what shared cache nodes hold.',
  },
  {
    method: 'post',
    path: '/api/purges',
    summary: 'Throws out what is kept, at every front; answers when that has happened.',
    body: bodies.purge,
  },
  {
    method: 'get',
    path: '/api/sessions',
    summary: 'The sessions of a user, what was used last first; at most 1,000, without what the app keeps in them.',
    query: sessionsQuery,
  },
  {
    method: 'post',
    path: '/api/sessions/revoke',
    summary: 'Ends all sessions of a user, or one; answers how many there were.',
    body: bodies.revoke,
  },
  {
    method: 'post',
    path: '/api/sessions/rotate-key',
    summary: 'Lets a new key sign cookies. Old ones verify as long as what they signed can live: nobody is logged out.',
    body: bodies.rotateKey,
  },
  {
    method: 'get',
    path: '/api/queue',
    summary: 'Each queue: what waits and since when, rates, failures, the slowest runs.',
  },
  {
    method: 'get',
    path: '/api/queue/jobs/{id}',
    summary: "One job's life: where it is now, and what every process saw of it.",
    query: jobQuery,
  },
  { method: 'get', path: '/api/queue/dead', summary: 'Dead jobs with their reasons, newest first.', query: deadQuery },
  {
    method: 'post',
    path: '/api/queue/redrive',
    summary: 'Publishes dead jobs again, with all their attempts before them.',
    body: bodies.deadJobs,
  },
  { method: 'post', path: '/api/queue/drop', summary: 'Forgets dead jobs.', body: bodies.deadJobs },
  {
    method: 'post',
    path: '/api/queue/cancel',
    summary: 'Takes a job out, or asks the worker that has it to stop.',
    body: bodies.cancel,
  },
  { method: 'get', path: '/api/queue/schedules', summary: 'Schedules: when each fires next, and when it did last.' },
  { method: 'get', path: '/api/queue/streams', summary: 'Streams with their groups: where each is, how far behind.' },
  {
    method: 'post',
    path: '/api/queue/rewind',
    summary: 'Sends a group of a stream back or forward.',
    body: bodies.rewind,
  },
  {
    method: 'post',
    path: '/api/fault',
    summary: 'Kills, pauses, slows, cuts off or resumes a node.',
    body: bodies.fault,
  },
  { method: 'get', path: '/api/logs', summary: 'The newest log lines.', query: logsQuery },
  { method: 'get', path: '/api/metrics', summary: 'What each node uses and does.' },
  { method: 'post', path: '/api/down', summary: 'Stops every node in order, then the supervisor.' },
  { method: 'get', path: '/metrics', summary: 'The same figures for Prometheus.' },
]

export function openApiDocument(version: string): object {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const { method, path, summary, body, query, answer = 200 } of routes) {
    paths[path] = {
      ...paths[path],
      [method]: {
        summary,
        ...(body && { requestBody: { required: true, content: { 'application/json': { schema: toJson(body) } } } }),
        ...(query && { parameters: parametersOf(query) }),
        responses: {
          [answer]: { description: 'Done, or begun.' },
          default: {
            description: 'An error.',
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
          },
        },
      },
    }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Tenfold control API', version },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'The token of the system: .tenfold/token.' },
      },
      schemas: {
        Topology: toJson(topologySchema),
        Error: toJson(z.object({ error: z.object({ code: z.string(), message: z.string() }) })),
      },
    },
  }
}

function toJson(schema: z.ZodType): unknown {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return json
}

function parametersOf(query: z.ZodObject): unknown[] {
  return Object.entries(query.shape).map(([name, schema]) => ({
    name,
    in: 'query',
    schema: toJson(schema as z.ZodType),
  }))
}
