// The topology: what the user wants, as one plain validated value. Each key's `.describe()` is its reference text:
// `tenfold topology --docs` and docs/reference/topology.md are printed from here.

import { z } from 'zod'

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,30}$/, 'expected lower-case letters, digits and dashes, a letter first')
const count = (max: number) => z.int().min(0).max(max)
const durationMs = (min: number, max: number) => z.int().min(min).max(max)

const region = z.strictObject({
  id: name.describe('Name of the data center, the first half of every node id in it.'),
  weight: z.number().min(0).max(1000).default(1).describe('Share of the clients that no nearer region claims.'),
})

const front = z.strictObject({
  count: count(16).default(0).describe('Balancers on the public address. 0: the one web process answers it itself.'),
  algorithm: z
    .enum(['round-robin', 'least-connections'])
    .default('least-connections')
    .describe('How the balancer picks a web server.'),
  healthIntervalMs: durationMs(50, 60_000).default(500).describe('Time between two active health checks of a server.'),
  rise: z.int().min(1).max(100).default(1).describe('Good checks in a row that bring a server back.'),
  fall: z.int().min(1).max(100).default(2).describe('Failed checks in a row that take a server out.'),
  retriesMax: z.int().min(0).max(10).default(3).describe('Other servers to try for a request that is safe to repeat.'),
  timeoutMs: durationMs(100, 600_000).default(60_000).describe('How long a server may take to answer.'),
})

const web = z.strictObject({
  count: z.int().min(1).max(256).default(1).describe('Web processes. More than one needs a balancer (front.count).'),
  command: z
    .string()
    .min(1)
    .optional()
    .describe('Any program that listens on $PORT, instead of the app (12-factor). It always stands behind a balancer.'),
  healthPath: z
    .string()
    .regex(/^\/[!-~]*$/, 'expected a path: a slash, then visible ASCII characters (others as %xx)')
    .default('/-/ready')
    .describe('Path that answers 2xx when a web process can serve.'),
  drainMs: durationMs(0, 600_000).default(10_000).describe('How long a stopping process may finish what it has begun.'),
  bodyBytesMax: z
    .int()
    .min(0)
    .default(10 * 1024 * 1024)
    .describe('Largest request body.'),
})

const worker = z.strictObject({
  count: count(256)
    .default(0)
    .describe('Processes that only work jobs off. 0: the web processes do it beside requests.'),
})

const backup = z.strictObject({
  to: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A directory, or s3://bucket/prefix. Base backups and the write-ahead log go there; without it nothing does.',
    ),
  everyMs: durationMs(60_000, 366 * 86_400_000)
    .default(86_400_000)
    .describe('Time between two base backups.'),
  keepMs: durationMs(0, 3660 * 86_400_000)
    .default(7 * 86_400_000)
    .describe('How far back one can restore; what is older is deleted.'),
})

const database = z.strictObject({
  placement: z.enum(['beside', 'own']).default('beside').describe("On the web server's host, or on a host of its own."),
  slots: z.literal(64).default(64).describe('Logical shards, fixed for the life of the database.'),
  shards: z.int().min(1).max(64).default(1).describe('Primaries that the slots are spread over.'),
  replicas: count(8).default(0).describe('Copies that follow each primary.'),
  durability: z
    .enum(['single', 'async', 'quorum'])
    .default('single')
    .describe('single: one node. async: replicas follow. quorum: a write counts when a replica has it too.'),
  replicaLagMsMax: durationMs(0, 3_600_000)
    .default(5000)
    .describe('A replica that is further behind in time is not read from.'),
  replicaLagBytesMax: z
    .int()
    .min(0)
    .default(64 * 1024 * 1024)
    .describe('A replica that is further behind in bytes of the log is not read from.'),
  hangMsMax: durationMs(200, 60_000)
    .default(1000)
    .describe('A primary that answers nobody for so long is replaced by a replica. One that died is at once.'),
  backup: backup.prefault({}).describe('Copies for the day on which everything else failed.'),
  connectionsMax: z.int().min(10).max(1000).default(100).describe('Connections that one PostgreSQL accepts.'),
  holdMsMax: durationMs(100, 120_000).default(20_000).describe('How long a request waits while the primary moves.'),
})

const cache = z.strictObject({
  nodes: count(64).default(0).describe('Shared cache nodes. 0: each process has only its own cache.'),
  bytesMax: z
    .int()
    .min(0)
    .default(64 * 1024 * 1024)
    .describe('Memory of the in-process cache.'),
})

const edge = z.strictObject({
  enabled: z.boolean().default(false).describe('Serve cacheable answers from the edge.'),
})

const session = z.strictObject({
  store: z.enum(['database', 'shared']).default('database').describe('Where sessions live.'),
  idleMs: durationMs(60_000, 366 * 86_400_000)
    .default(14 * 86_400_000)
    .describe('A session unused for so long ends.'),
})

const queue = z.strictObject({
  engine: z.enum(['postgres', 'jetstream']).default('postgres').describe('Where jobs are kept.'),
})

const telemetry = z.strictObject({
  collect: z.boolean().default(false).describe('Gather logs, metrics and traces of every process in one place.'),
})

export const topologySchema = z
  .strictObject({
    name: name.default('app').describe('Name of the system, shown by the dashboard.'),
    app: z
      .string()
      .min(1)
      .default('./app.ts')
      .describe('The file whose default export is defineApp(...), beside this one.'),
    rung: z.int().min(1).max(11).default(1).describe('The preset that every key left out is taken from.'),
    regions: z
      .array(region)
      .min(1)
      .max(16)
      .default([{ id: 'us-east', weight: 1 }])
      .describe('Data centers.'),
    front: front.prefault({}).describe('Edge and balancer: the processes on the public address.'),
    web: web.prefault({}).describe('Web processes: the app.'),
    worker: worker.prefault({}).describe('Worker processes: its jobs.'),
    database: database.prefault({}).describe('PostgreSQL.'),
    cache: cache.prefault({}).describe('Remembered values.'),
    edge: edge.prefault({}).describe('The CDN.'),
    session: session.prefault({}).describe('Who is logged in.'),
    queue: queue.prefault({}).describe('Work for later.'),
    telemetry: telemetry.prefault({}).describe('What happened.'),
  })
  .check((context) => {
    const { front, web, database } = context.value
    const refuse = (path: string[], message: string, input: unknown) =>
      context.issues.push({ code: 'custom', path, message, input })
    if (web.count > 1 && front.count === 0)
      refuse(
        ['web', 'count'],
        `${web.count} web processes need a balancer: set front.count to 1 or more (rung 3)`,
        web.count,
      )
    if (web.command !== undefined && front.count === 0)
      refuse(
        ['web', 'command'],
        'a program listens on its own $PORT and needs a balancer: set front.count to 1 (rung 3)',
        web.command,
      )
    if (database.durability !== 'single' && database.replicas === 0)
      refuse(
        ['database', 'durability'],
        `${database.durability} needs database.replicas of 1 or more`,
        database.durability,
      )
    if (database.durability === 'single' && database.replicas > 0)
      refuse(['database', 'durability'], 'with replicas it is quorum (or async)', 'single')
  })

/** A whole topology: every key has a value. */
export type Topology = z.output<typeof topologySchema>
/** A topology as people write it: what is left out comes from the rung. */
export type TopologyInput = z.input<typeof topologySchema>
