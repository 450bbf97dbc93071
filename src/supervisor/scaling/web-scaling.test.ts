// Days of load in a moment: a web tier is simulated second by second, with processes that take their time to start and get their
// share of the load slowly, and what it does is judged by what its users would say.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seededRandom } from '../../base/random.ts'
import { type SeenWeb, type WebRules, WebScaling } from './web-scaling.ts'

const tickMs = 1000
const startMs = 3000
const slowStartMs = 5000
const minute = 60_000
const hour = 60 * minute

const rules: WebRules = {
  ...{ least: 3, most: 20, targetUtilisation: 0.6, windowMs: 5000, stabiliseMs: 5 * minute, coolDownMs: 30_000 },
}

interface Second {
  atMs: number
  wanted: number
  ready: number
  /** What was asked of the tier, in processes that would be full. */
  load: number
  /** What waits because there were too few. */
  backlog: number
}

interface SimulatedWeb {
  pid: number
  bornAtMs: number
  activeMs: number
  idleMs: number
}

test('it does not flap under a constant load, be it ever so near to the edge of two numbers', () => {
  for (const mean of [0.3, 1.79, 1.8, 1.81, 2.4, 3, 4.2, 5.99, 6, 6.01]) {
    const seed = Math.round(mean * 1000)
    const random = seededRandom(seed)
    const seconds = simulate({ forMs: 2 * hour, load: () => mean * (1 + 0.1 * gauss(random)) })
    const turns = turnsOf(seconds.filter(({ atMs }) => atMs > 10 * minute))
    assert.ok(turns <= 1, `load ${mean}, seed ${seed}: ${turns} changes of direction in two hours`)
    assert.ok(Number(seconds.at(-1)?.wanted) >= mean / 0.66, `load ${mean}: ${seconds.at(-1)?.wanted} processes`)
    assert.ok(Number(seconds.at(-1)?.wanted) <= Math.max(3, Math.ceil(mean / 0.6) + 2))
  }
})

test('peaks of a second are let pass', () => {
  const seconds = simulate({ forMs: hour, load: (atMs) => (atMs % minute === 30_000 ? 3 : 0.9) })
  assert.ok(seconds.every(({ wanted }) => wanted === 3))
})

test('it reaches enough under a surge within half a minute, and comes back after', () => {
  const surge = { fromMs: 20 * minute, toMs: 40 * minute }
  const load = (atMs: number) => (atMs >= surge.fromMs && atMs < surge.toMs ? 9 : 1.2)
  const seconds = simulate({ forMs: 2 * hour, load })
  const after = (ms: number) => seconds.filter(({ atMs }) => atMs >= ms)
  assert.ok(seconds.filter(({ atMs }) => atMs < surge.fromMs).every(({ wanted }) => wanted === 3))
  const enough = seconds.find(({ atMs, ready }) => atMs > surge.fromMs && ready * 0.66 >= 9)
  assert.ok(enough && enough.atMs <= surge.fromMs + 30_000, `enough at ${enough?.atMs}`)
  for (const { atMs, wanted } of after(enough.atMs + minute).filter(({ atMs }) => atMs < surge.toMs))
    assert.ok(wanted >= 15 && wanted <= 20, `${wanted} at ${atMs}`)
  const kept = after(surge.toMs).filter(({ atMs }) => atMs < surge.toMs + rules.stabiliseMs - 10_000)
  assert.ok(
    kept.every(({ wanted }) => wanted >= 15),
    'nothing goes before the load has stayed away for a while',
  )
  assert.ok(after(surge.toMs + 10 * minute).every(({ wanted }) => wanted === 3))
  assert.equal(turnsOf(seconds), 1)
})

test('over a day it follows the load, is short of nothing for long, and costs less than the peak all day', () => {
  const random = seededRandom(24)
  const load = (atMs: number) => (4.5 - 3.5 * Math.cos((atMs / (24 * hour)) * 2 * Math.PI)) * (1 + 0.05 * gauss(random))
  const seconds = simulate({ forMs: 24 * hour, load })
  const short = seconds.filter(({ backlog }) => backlog > 1).length
  assert.equal(short, 0, `${short} seconds with work left over`)
  const mean = seconds.reduce((sum, { wanted }) => sum + wanted, 0) / seconds.length
  assert.ok(mean < 0.75 * Math.max(...seconds.map(({ wanted }) => wanted)), `${mean} processes on average`)
  assert.ok(turnsOf(seconds) <= 3, `${turnsOf(seconds)} changes of direction`)
})

test('what cannot start is not asked for again and again', () => {
  const seconds = simulate({ forMs: 10 * minute, load: () => 3, starts: () => false })
  assert.ok(Math.max(...seconds.map(({ wanted }) => wanted)) <= 6)
})

test('latency that the tier is not to blame for leaves it as it is', () => {
  const slow = { ...rules, p99MsMax: 200 }
  const seconds = simulate({ forMs: hour, load: () => 0.6, p99Ms: () => 4000, rules: slow })
  assert.ok(seconds.every(({ wanted }) => wanted === 3))
})

test('latency that it is to blame for makes it grow until it is as wished', () => {
  const slow = { ...rules, p99MsMax: 200 }
  const p99Ms = (ready: number) => 1500 / ready
  const seconds = simulate({ forMs: hour, load: () => 3.6, p99Ms, rules: slow })
  assert.ok(Number(seconds.at(-1)?.ready) >= 7 && Number(seconds.at(-1)?.ready) <= 9, `${seconds.at(-1)?.ready}`)
  assert.equal(turnsOf(seconds.slice(60)), 0)
})

function simulate(options: {
  forMs: number
  load: (atMs: number) => number
  p99Ms?: (ready: number) => number
  starts?: () => boolean
  rules?: WebRules
}): Second[] {
  const { forMs, load, p99Ms, starts = () => true, rules: bounds = rules } = options
  const scaling = new WebScaling()
  const webs = new Map<string, SimulatedWeb>()
  const seconds: Second[] = []
  let pid = 100
  let wanted = bounds.least
  let backlog = 0
  const grow = (atMs: number) => {
    for (let n = 1; webs.size < wanted; n++) {
      const id = `us-east/web-${n}`
      if (!webs.has(id)) webs.set(id, { pid: pid++, bornAtMs: atMs, activeMs: 0, idleMs: 0 })
    }
    for (const id of [...webs.keys()].slice(wanted)) webs.delete(id)
  }
  grow(-minute)
  for (let atMs = 0; atMs < forMs; atMs += tickMs) {
    const isReady = ({ bornAtMs }: SimulatedWeb) => atMs - bornAtMs >= startMs && (bornAtMs < 0 || starts())
    const ready = [...webs.values()].filter(isReady)
    const shareOf = ({ bornAtMs }: SimulatedWeb) => Math.min(1, (atMs - bornAtMs - startMs + tickMs) / slowStartMs)
    const shares = ready.reduce((sum, web) => sum + shareOf(web), 0)
    const offered = load(atMs) + backlog
    let done = 0
    for (const web of ready) {
      const busy = Math.min(1, (offered * shareOf(web)) / shares)
      done += busy
      web.activeMs += busy * tickMs
      web.idleMs += (1 - busy) * tickMs
    }
    // Whoever waits for longer than a few seconds goes away.
    backlog = Math.min(3 * ready.length, offered - done)
    const seen = Array.from(webs, ([id, web]): SeenWeb => {
      const { activeMs, idleMs } = web
      return { id, pid: web.pid, isReady: isReady(web), use: { activeMs, idleMs, cpuMs: activeMs, cores: 2 } }
    })
    scaling.see({ atMs, webs: seen, p99Ms: p99Ms?.(ready.length) }, bounds)
    // The executor has one lane: while it starts or stops processes, nothing else is decided.
    if ([...webs.values()].every((web) => isReady(web) || !starts())) {
      wanted = scaling.next(wanted, atMs, bounds)
      grow(atMs)
    }
    seconds.push({ atMs, wanted, ready: ready.length, load: load(atMs), backlog })
  }
  return seconds
}

/** How often growing turned into shrinking, or the other way round. */
function turnsOf(seconds: readonly Second[]): number {
  const steps = seconds.flatMap(({ wanted }, at) => {
    const before = seconds[at - 1]?.wanted ?? wanted
    return wanted === before ? [] : [Math.sign(wanted - before)]
  })
  return steps.filter((step, at) => at > 0 && step !== steps[at - 1]).length
}

/** Of mean 0 and deviation 1, by the sum of twelve (central limit theorem). */
function gauss(random: Random): number {
  let sum = -6
  for (let n = 0; n < 12; n++) sum += random.next()
  return sum
}
