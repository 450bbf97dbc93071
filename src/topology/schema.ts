// The topology: what the user wants, as one plain validated value. Each key's `.describe()` is its reference text:
// `tenfold topology --docs` and docs/reference/topology.md are printed from here.

import { z } from 'zod'
import { isNetwork } from '../net/network.ts'
import { durationMs } from './duration.ts'
import { queueSchema, workerSchema } from './queue-schema.ts'
import { webSchema } from './web-schema.ts'

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,30}$/, 'expected lower-case letters, digits and dashes, a letter first')
const count = (max: number) => z.int().min(0).max(max)

const region = z.strictObject({
  id: name.describe('Name of the data center, the first half of every node id in it.'),
  weight: z.number().min(0).max(1000).default(1).describe('Share of the clients that no nearer region claims.'),
})

const networks = z.array(
  z
    .string()
    .refine(isNetwork, 'expected an address, or a network as 10.0.0.0/8 or fd00::/8')
    .describe('An address or a network.'),
)

const tls = z.strictObject({
  enabled: z.boolean().default(false).describe('Answers https and HTTP/2 too, on a second public address (urls.tls).'),
  certificates: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Directory of NAME.crt with NAME.key, or NAME.pem; read again when they change. Without it one is made for local use.',
    ),
})

const front = z.strictObject({
  count: count(16)
    .default(0)
    .describe('Front processes, all on the one public address. 0: the one web process answers it itself.'),
  engine: z.enum(['node', 'haproxy']).default('node').describe('Who balances: Tenfold itself, or HAProxy.'),
  mode: z
    .enum(['http', 'tcp'])
    .default('http')
    .describe('tcp passes connections on as they are: no retries of requests, no edge, no TLS.'),
  algorithm: z
    .enum(['p2c', 'round-robin', 'weighted-round-robin', 'least-connections', 'ip-hash', 'consistent-hash'])
    .default('p2c')
    .describe('How the balancer picks a web server. p2c: of two at random the one that would answer sooner.'),
  hashOn: z
    .string()
    .regex(/^(path|(header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]+)$/, 'expected path, header:NAME or cookie:NAME')
    .default('path')
    .describe('What consistent-hash hashes: path, header:NAME or cookie:NAME.'),
  weights: z
    .record(z.string(), z.number().min(0).max(1000))
    .default({})
    .describe('Share of the requests by node id, `{"us-east/web-2": 3}`; 1 for those that are not named.'),
  sticky: z
    .enum(['off', 'cookie', 'ip'])
    .default('off')
    .describe('Whether a client comes back to the server that it had. Only for apps that keep state in a process.'),
  healthIntervalMs: durationMs(50, 60_000).default(500).describe('Time between two active health checks of a server.'),
  rise: z.int().min(1).max(100).default(1).describe('Good checks in a row that bring a server back.'),
  fall: z.int().min(1).max(100).default(2).describe('Failed checks in a row that take a server out.'),
  ejectAfter: z
    .int()
    .min(1)
    .max(1000)
    .default(5)
    .describe('Failures in a row of real requests that take a server out at once.'),
  panicShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.3)
    .describe(
      'When fewer of the servers are up, checks are not believed and all are asked: a bad check empties no pool.',
    ),
  slowStartMs: durationMs(0, 600_000)
    .default(5000)
    .describe('A server that comes back takes so long until it has its whole share.'),
  inFlightPerServerMax: z.int().min(1).max(100_000).default(1024).describe('Requests at one server at once.'),
  queueMax: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(1024)
    .describe('Requests that wait while every server is full; more are answered 503 with Retry-After.'),
  queueTimeoutMs: durationMs(0, 120_000).default(5000).describe('How long one of them waits.'),
  retriesMax: z.int().min(0).max(10).default(3).describe('Other servers to try for a request that is safe to repeat.'),
  timeoutMs: durationMs(100, 600_000).default(60_000).describe('How long a server may take to answer.'),
  connectionsMax: z.int().min(1).max(1_000_000).default(20_000).describe('Connections of clients to one front.'),
  connectionsPerAddressMax: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(2048)
    .describe('Connections from one client address to one front.'),
  requestsPerSecondPerAddress: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe('Requests of one client address at one front; more are answered 429. 0: as many as it likes.'),
  trustedProxies: networks
    .default([])
    .describe('Whose X-Forwarded-* and Forwarded fields are believed, and who is not limited by address.'),
  proxyProtocol: networks
    .default([])
    .describe('Whose connections begin with a PROXY protocol header (version 1 or 2). Empty: nobody is asked for one.'),
  accessLog: z
    .enum(['off', 'common', 'combined', 'json'])
    .default('off')
    .describe('One line for each request, in logs/NODE.access.'),
  tls: tls.prefault({}).describe('Encrypted connections.'),
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
  nodes: count(64)
    .default(0)
    .describe('Shared cache nodes (Redis). 0: each process has only its own cache. In a cluster: its primaries.'),
  layout: z
    .enum(['ring', 'cluster'])
    .default('ring')
    .describe(
      'ring: nodes that know nothing of each other, keys spread over them by hash. cluster: Redis Cluster, a replica for each node.',
    ),
  bytesMax: z
    .int()
    .min(0)
    .default(64 * 1024 * 1024)
    .describe('Memory of the in-process cache.'),
  nodeBytesMax: z
    .int()
    .min(4 * 1024 * 1024)
    .default(64 * 1024 * 1024)
    .describe('Memory of each shared cache node.'),
  whenFull: z
    .enum(['allkeys-lfu', 'allkeys-lru', 'volatile-lfu', 'volatile-lru', 'volatile-ttl', 'noeviction'])
    .default('allkeys-lfu')
    .describe('Which values a full node lets go (maxmemory-policy). noeviction: it takes no more.'),
  persistence: z
    .enum(['off', 'aof'])
    .default('off')
    .describe('aof: a node keeps its values over a restart, all but the last second of them. off: it begins empty.'),
})

const edgeRule = z.strictObject({
  path: z
    .string()
    .regex(/^[/*]/, 'expected a path, `*` standing for any characters')
    .describe(
      'The paths that it is about, `*` standing for any characters: `/assets/*`. The first rule that fits counts.',
    ),
  keep: z
    .enum(['fields', 'never', 'always'])
    .default('fields')
    .describe('fields: as the answer says. never: passes through. always: kept for ttlMs unless it is private.'),
  ttlMs: durationMs(0, 366 * 86_400_000)
    .optional()
    .describe('With `always`, and in the place of a guess where an answer says nothing.'),
  staleWhileRevalidateMs: durationMs(0, 366 * 86_400_000)
    .optional()
    .describe('How long after that it is still given while a newer one is fetched.'),
  staleIfErrorMs: durationMs(0, 366 * 86_400_000)
    .optional()
    .describe('How long after that it is still given when no server answers.'),
  query: z
    .union([z.enum(['all', 'none']), z.array(z.string().min(1)).max(64)])
    .default('all')
    .describe('Parameters of the query that make another answer: all, none, or a list of them.'),
  headers: z
    .array(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'expected the name of a field'))
    .max(16)
    .default([])
    .describe('Request fields that make another answer although its Vary does not name them.'),
  cookies: z
    .array(z.string().min(1))
    .max(16)
    .default([])
    .describe('Cookies that make another answer; whatever other cookies a request has, they then do not matter.'),
})

const bytesMax = (bytes: number) => z.int().min(0).default(bytes)
const mebibyte = 1024 * 1024

const edge = z.strictObject({
  enabled: z.boolean().default(false).describe('Serve cacheable answers from the edge. Needs a front.'),
  rules: z.array(edgeRule).max(256).default([]).describe('What is done beyond what answers say themselves.'),
  memoryBytesMax: bytesMax(128 * mebibyte).describe('Memory for answers, of each front.'),
  diskBytesMax: bytesMax(1024 * mebibyte).describe('Disk for answers, of each front. 0: none.'),
  objectBytesMax: bytesMax(64 * mebibyte).describe('Larger answers pass through.'),
  admission: z
    .enum(['first', 'second'])
    .default('second')
    .describe('second: an answer goes to disk only when it is asked for again, since most never are.'),
  compresses: z.boolean().default(true).describe('Compresses text answers of servers that did not.'),
  staleIfErrorMs: durationMs(0, 366 * 86_400_000)
    .default(86_400_000)
    .describe('How long an answer is given beyond its time when no server answers, unless it says so itself.'),
  pricePerGigabyte: z
    .number()
    .min(0)
    .default(0.085)
    .describe('What a CDN asks for a gigabyte to clients, for the report.'),
  originPricePerGigabyte: z
    .number()
    .min(0)
    .default(0.09)
    .describe("What a gigabyte of the servers' own traffic costs, for the report."),
})

const session = z.strictObject({
  store: z
    .enum(['database', 'shared'])
    .default('database')
    .describe('Where sessions are read. They live in the database; shared: from a copy in the shared cache.'),
  idleMs: durationMs(60_000, 366 * 86_400_000)
    .default(14 * 86_400_000)
    .describe('A session unused for so long ends.'),
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
    web: webSchema.prefault({}).describe('Web processes: the app.'),
    worker: workerSchema.prefault({}).describe('Worker processes: its jobs.'),
    database: database.prefault({}).describe('PostgreSQL.'),
    cache: cache.prefault({}).describe('Remembered values.'),
    edge: edge.prefault({}).describe('The CDN.'),
    session: session.prefault({}).describe('Who is logged in.'),
    queue: queueSchema.prefault({}).describe('Work for later.'),
    telemetry: telemetry.prefault({}).describe('What happened.'),
  })
  .check((context) => {
    const { front, web, worker, database, edge, cache, session } = context.value
    const refuse = (path: string[], message: string, input: unknown) =>
      context.issues.push({ code: 'custom', path, message, input })
    if (web.max !== undefined && web.max < web.count)
      refuse(['web', 'max'], `it is below web.count ${web.count}: set it to ${web.count} or more`, web.max)
    if (worker.max !== undefined && worker.max < worker.count)
      refuse(
        ['worker', 'max'],
        `it is below worker.count ${worker.count}: set it to ${worker.count} or more`,
        worker.max,
      )
    if (worker.max !== undefined && worker.count === 0)
      refuse(
        ['worker', 'max'],
        'without a worker the web processes do its work, however much there is: set worker.count to 1 or more',
        worker.max,
      )
    if (web.max !== undefined && web.max > 1 && front.count === 0)
      refuse(['web', 'max'], 'web processes that come and go need a balancer: set front.count to 1 (rung 3)', web.max)
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
    if (front.tls.enabled && front.count === 0)
      refuse(['front', 'tls', 'enabled'], 'the front ends TLS: set front.count to 1 or more (rung 3)', true)
    if (edge.enabled && front.count === 0)
      refuse(['edge', 'enabled'], 'the edge lives in the front: set front.count to 1 or more (rung 3)', true)
    if (front.mode === 'tcp' && edge.enabled)
      refuse(
        ['front', 'mode'],
        'connections that are passed on as they are have no edge: set edge.enabled to false',
        'tcp',
      )
    if (front.mode === 'tcp' && front.tls.enabled)
      refuse(
        ['front', 'mode'],
        'connections that are passed on as they are end no TLS: set front.tls.enabled to false',
        'tcp',
      )
    if (front.engine === 'haproxy' && edge.enabled)
      refuse(['front', 'engine'], 'the edge lives in the engine node: set edge.enabled to false', 'haproxy')
    if (database.durability !== 'single' && database.replicas === 0)
      refuse(
        ['database', 'durability'],
        `${database.durability} needs database.replicas of 1 or more`,
        database.durability,
      )
    if (database.durability === 'single' && database.replicas > 0)
      refuse(['database', 'durability'], 'with replicas it is quorum (or async)', 'single')
    if (cache.layout === 'cluster' && (cache.nodes === 1 || cache.nodes === 2))
      refuse(
        ['cache', 'nodes'],
        'a cluster needs 3 primaries or more to decide who is down: set cache.nodes to 3',
        cache.nodes,
      )
    if (session.store === 'shared' && cache.nodes === 0)
      refuse(
        ['session', 'store'],
        'the shared store is the shared cache: set cache.nodes to 1 or more (rung 5)',
        'shared',
      )
  })

/** A whole topology: every key has a value. */
export type Topology = z.output<typeof topologySchema>
/** A topology as people write it: what is left out comes from the rung. */
export type TopologyInput = z.input<typeof topologySchema>
