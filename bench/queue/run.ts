// The queue in PostgreSQL beside pg-boss, graphile-worker and BullMQ: publishing, working a backlog off, delay of delivery;
// ours besides with a million jobs waiting, and while somebody holds a snapshot. Exit code 1 when a target is missed.
// Run: node -C source bench/queue/run.ts [--rounds 5] [--waiting 1000000] [--held 60] [--only publish,drain,delay,million,snapshot] [--systems tenfold,graphile]

import { parseArgs } from 'node:util'
import pg from 'pg'
import { judge, machine, median, ratio } from '../cache/peers.ts'
import { installPeers } from './packages.ts'
import type { Speed } from './peer.ts'
import { openProcess } from './peer-process.ts'
import { startServers } from './servers.ts'
import type { Place } from './systems/system.ts'
import { systems } from './systems/systems.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    waiting: { type: 'string', default: '1000000' },
    held: { type: 'string', default: '60' },
    only: { type: 'string', default: 'publish,drain,delay,million,snapshot' },
    systems: { type: 'string', default: Object.keys(systems).join(',') },
  },
})
const rounds = Number(values.rounds)
const parts = values.only.split(',')
const names = values.systems.split(',')
const counts = {
  oneByOne: 1500,
  atOnce: { of: 64, ours: 60_000, theirs: 6000 },
  backlog: 60_000,
  perSecond: 50,
  delayMs: 6000,
}

interface Delays {
  count: number
  p50: number
  p99: number
  max: number
}

const folder = await installPeers()
await using servers = await startServers()
const speeds = { one: new Map<string, Speed[]>(), many: new Map<string, Speed[]>(), drain: new Map<string, Speed[]>() }
const delays = new Map<string, Delays[]>()
const nothing = { perSecond: 0, processor: 0, count: 0, p50: 0, p99: 0, max: 0 }
let queues = 0

console.log(machine())
for (let round = 0; round < rounds; round++)
  for (const name of round % 2 ? names.toReversed() : names) {
    if (parts.includes('publish')) await measurePublish(name)
    if (parts.includes('drain')) await measureDrain(name)
    if (parts.includes('delay')) await measureDelay(name)
  }
report()
if (parts.includes('million')) await million()
if (parts.includes('snapshot')) await snapshot()

function placeOf(queue = `bench-${queues++}`): Place {
  return { ...servers.place, folder, queue }
}

async function measurePublish(name: string): Promise<void> {
  const { oneByOne, atOnce } = counts
  await using peer = await openProcess(name, placeOf())
  await peer.ask({ do: 'publish', count: 300, callers: 1 })
  note(speeds.one, name, await peer.ask({ do: 'publish', count: oneByOne, callers: 1 }))
  await peer.ask({ do: 'publish', count: 2000, callers: atOnce.of })
  const count = name === 'tenfold' ? atOnce.ours : atOnce.theirs
  note(speeds.many, name, await peer.ask({ do: 'publish', count, callers: atOnce.of }))
}

async function measureDrain(name: string): Promise<void> {
  const place = placeOf()
  await using peer = await openProcess(name, place)
  await peer.ask({ do: 'fill', count: counts.backlog })
  note(speeds.drain, name, await peer.ask({ do: 'drain', count: counts.backlog }))
}

async function measureDelay(name: string): Promise<void> {
  const place = placeOf()
  await using worker = await openProcess(name, place)
  await using publisher = await openProcess(name, place)
  await worker.ask({ do: 'work' })
  await publisher.ask({ do: 'pace', perSecond: counts.perSecond, forMs: 1000 })
  await worker.ask({ do: 'delays' })
  await publisher.ask({ do: 'pace', perSecond: counts.perSecond, forMs: counts.delayMs })
  await new Promise((resolve) => setTimeout(resolve, 1000))
  note(delays, name, await worker.ask({ do: 'delays' }))
}

/** Ours beside ours: the same with an empty queue and with a million jobs in line. */
async function million(): Promise<void> {
  const empty = placeOf()
  const full = placeOf()
  const figures = { empty: [] as Speed[][], full: [] as Speed[][] }
  {
    await using filler = await openProcess('tenfold', full)
    await filler.ask({ do: 'fill', count: Number(values.waiting) })
  }
  for (let round = 0; round < rounds; round++)
    for (const [what, place] of [
      ['empty', empty],
      ['full', full],
    ] as const) {
      await using peer = await openProcess('tenfold', place)
      const one: Speed = await peer.ask({ do: 'publish', count: counts.oneByOne, callers: 1 })
      const many: Speed = await peer.ask({ do: 'publish', count: counts.backlog, callers: 64 })
      const drain: Speed = await peer.ask({ do: 'drain', count: counts.backlog })
      figures[what].push([one, many, drain])
    }
  console.log(`\n| ${values.waiting} waiting | publish/s | 64 at once/s | process/s |\n|---|---|---|---|`)
  for (const what of ['empty', 'full'] as const)
    console.log(
      `| ${what} | ${[0, 1, 2].map((i) => whole(median(figures[what].map((speed) => speed[i]?.perSecond ?? 0)))).join(' | ')} |`,
    )
  for (const [i, what] of ['publish', 'publish, 64 at once', 'process'].entries())
    judge(
      `with ${values.waiting} waiting, ${what}`,
      ratio(figures.full, figures.empty, (speed) => speed[i]?.perSecond ?? 0),
      0.8,
    )
}

/** 500 jobs a second, while a transaction keeps its snapshot; the last quarter of that time counts. */
async function snapshot(): Promise<void> {
  const place = placeOf()
  const { address, port, owner } = place.postgres
  const client = new pg.Client({ host: address, port, user: 'owner', password: owner, database: 'app' })
  await client.connect()
  await using worker = await openProcess('tenfold', place)
  await using publisher = await openProcess('tenfold', place)
  await worker.ask({ do: 'work' })
  const pace = async (forMs: number): Promise<Delays> => {
    await publisher.ask({ do: 'pace', perSecond: 500, forMs })
    return worker.ask({ do: 'delays' })
  }
  const heldMs = Number(values.held) * 1000
  await pace(5000)
  const before = await pace(heldMs / 4)
  await client.query('set idle_in_transaction_session_timeout = 0') // ours ends such a session after 60 s
  await client.query('begin isolation level repeatable read')
  await client.query('select count(*) from tenfold.queue_jobs')
  await pace((heldMs * 3) / 4)
  const held = await pace(heldMs / 4)
  await client.query('commit')
  await client.end()
  console.log(
    `\n500 jobs/s: before p50 ${ms(before.p50)} p99 ${ms(before.p99)}, held for ${values.held} s p50 ${ms(held.p50)} p99 ${ms(held.p99)}`,
  )
  judge('p99 before, of that with a held snapshot', before.p99 / held.p99, 0.5)
}

function report(): void {
  console.log(
    '\n| system | publish/s | p99, ms | 64 at once/s | process/s | of a processor | delay p50, ms | p99, ms |',
  )
  console.log('|---|---|---|---|---|---|---|---|')
  for (const name of names) {
    const of = (map: Map<string, Speed[]>, read: (speed: Speed) => number) =>
      median((map.get(name) ?? [nothing]).map(read))
    const delay = (read: (delay: Delays) => number) => ms(median((delays.get(name) ?? [nothing]).map(read)))
    const perSecond = (map: Map<string, Speed[]>) => whole(of(map, (speed) => speed.perSecond))
    const cells = [
      perSecond(speeds.one),
      ms(of(speeds.one, ({ p99 }) => p99)),
      perSecond(speeds.many),
      perSecond(speeds.drain),
    ]
    cells.push(
      of(speeds.drain, ({ processor }) => processor).toFixed(2),
      delay(({ p50 }) => p50),
      delay(({ p99 }) => p99),
    )
    console.log(`| ${[name, ...cells].join(' | ')} |`)
  }
  console.log()
  const peers = ['pg-boss', 'graphile', 'graphile batch'].filter((name) => names.includes(name))
  const better = (map: Map<string, Speed[]>, what: string, target: number) => {
    const ratios = peers.map((name) =>
      ratio(map.get('tenfold') ?? [], map.get(name) ?? [], ({ perSecond }) => perSecond),
    )
    judge(`${what}, of the better of pg-boss and graphile-worker`, Math.min(...ratios), target)
  }
  if (!names.includes('tenfold')) return
  if (parts.includes('publish') && peers.length > 0) {
    better(speeds.one, 'publish one by one', 1.7)
    better(speeds.many, 'publish 64 at once', 10)
  }
  if (parts.includes('drain') && peers.length > 0) better(speeds.drain, 'process', 1.6)
  for (const name of names.filter((each) => each.startsWith('bullmq'))) {
    if (parts.includes('drain'))
      judge(
        `process, of ${name}`,
        ratio(speeds.drain.get('tenfold') ?? [], speeds.drain.get(name) ?? [], ({ perSecond }) => perSecond),
        4,
      )
    if (parts.includes('delay'))
      judge(
        `p99 of delivery of ${name}, of ours`,
        ratio(delays.get(name) ?? [], delays.get('tenfold') ?? [], ({ p99 }) => p99),
        1,
      )
  }
}

function note<T>(map: Map<string, T[]>, name: string, figure: T): void {
  const its = map.get(name)
  if (its) its.push(figure)
  else map.set(name, [figure])
}

function whole(figure: number): string {
  return Math.round(figure).toLocaleString('en')
}

function ms(figure: number): string {
  return figure.toFixed(2)
}
