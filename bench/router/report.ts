// What the rounds say: medians of each way, its ratios to others round by round, and whether the targets are held.

import { cpus, loadavg } from 'node:os'
import type { LoadOutcome } from './load-process.ts'
import { poolMax, type Way } from './ways.ts'

export interface Round extends LoadOutcome {
  perSecond: number
  /** Processor time for one read, in microseconds, by who used it. */
  processor: { load: number; pgBouncer: number; primary: number; replicas: number }
}

type Rounds = ReadonlyMap<Way, readonly Round[]>

interface Target {
  of: Way
  against: Way
  throughputMin: number
  p99Max?: number
}

const titles: Record<Way, string> = {
  pg: 'pg, named statements',
  router: 'router.query, the same text',
  tenfold: 'db.of(key)',
  kysely: 'Kysely over pg',
  causal: 'db.of(key), token of a write, 2 replicas',
  anonymous: 'db.of(key), anonymous, 2 replicas',
  pgbouncer: 'pg through PgBouncer',
}

/** Before anything of ours ran: what others did on the machine. */
const [loadBefore = 0] = loadavg()

const targets: readonly Target[] = [
  { of: 'router', against: 'pg', throughputMin: 0.95, p99Max: 1.2 },
  { of: 'tenfold', against: 'pg', throughputMin: 0.95, p99Max: 1.2 },
  { of: 'causal', against: 'pgbouncer', throughputMin: 1.3 },
  { of: 'anonymous', against: 'pgbouncer', throughputMin: 1.3 },
]

export function printReport(rounds: Rounds, { clients, seconds }: { clients: number; seconds: number }): void {
  const count = [...rounds.values()][0]?.length
  const machine = `${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, PostgreSQL 18`
  console.log(`\n${machine}, load average ${loadBefore.toFixed(1)} before;`)
  console.log(`${clients} clients, pools of ${poolMax}, ${count} rounds of ${seconds} s in turns, medians\n`)
  console.log('| way | reads/s | of pg | p50 ms | p99 ms | p99 of pg | failures |')
  console.log('|---|---|---|---|---|---|---|')
  for (const [way, its] of rounds) {
    const of = (field: 'perSecond' | 'p50Ms' | 'p99Ms') => median(its.map((round) => round[field]))
    const failures = its.reduce((sum, round) => sum + round.failures, 0)
    printRow([
      titles[way],
      of('perSecond').toFixed(0),
      format(ratio(rounds, way, 'pg', 'perSecond'), 3),
      of('p50Ms').toFixed(2),
      of('p99Ms').toFixed(2),
      format(ratio(rounds, way, 'pg', 'p99Ms'), 2),
      failures,
    ])
  }
  console.log('\n| processor time of a read, us | load process | PgBouncer | primary | replicas | all |')
  console.log('|---|---|---|---|---|---|')
  for (const [way, its] of rounds) {
    const of = (part: keyof Round['processor']) => median(its.map(({ processor }) => processor[part]))
    const all = median(
      its.map(({ processor: { load, pgBouncer, primary, replicas } }) => load + pgBouncer + primary + replicas),
    )
    printRow([
      titles[way],
      ...[of('load'), of('pgBouncer'), of('primary'), of('replicas'), all].map((us) => us.toFixed(1)),
    ])
  }
}

/** Says which targets are held, and whether all of them are, and no read failed. */
export function judge(rounds: Rounds): boolean {
  console.log()
  let isHeld = true
  for (const { of, against, throughputMin, p99Max = Number.POSITIVE_INFINITY } of targets) {
    const throughput = ratio(rounds, of, against, 'perSecond')
    const p99 = ratio(rounds, of, against, 'p99Ms')
    if (throughput === undefined || p99 === undefined) continue // not measured in this run
    const isThis = throughput >= throughputMin && p99 <= p99Max
    isHeld &&= isThis
    const wanted = `at least ${throughputMin}${p99Max < Number.POSITIVE_INFINITY ? `, p99 at most ${p99Max}` : ''}`
    console.log(
      `${titles[of]} / ${titles[against]}: ${throughput.toFixed(3)} of its throughput, ${p99.toFixed(2)} of its p99` +
        ` (${wanted}: ${isThis ? 'held' : 'missed'})`,
    )
  }
  for (const way of ['causal', 'anonymous'] as const) {
    const its = rounds.get(way)
    if (!its || its.every(({ processor }) => processor.replicas > 10 * processor.primary)) continue
    isHeld = false
    console.log(`${titles[way]}: the primary answered too, so that this is no measurement of replicas`)
  }
  for (const [way, its] of rounds) {
    const failure = its.find(({ firstFailure }) => firstFailure !== undefined)?.firstFailure
    if (failure === undefined) continue
    isHeld = false
    console.log(`${titles[way]} failed: ${failure}`)
  }
  return isHeld
}

/** Median of the rounds' own ratios: what slows the machine for a while slows neighbours in a round alike. */
function ratio(rounds: Rounds, way: Way, against: Way, field: 'perSecond' | 'p99Ms'): number | undefined {
  const [its, others] = [rounds.get(way), rounds.get(against)]
  if (!its || !others) return undefined
  return median(its.map((round, i) => round[field] / (others[i]?.[field] ?? Number.NaN)))
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number
}

function format(number: number | undefined, digits: number): string {
  return number === undefined ? '' : number.toFixed(digits)
}

function printRow(cells: ReadonlyArray<string | number>): void {
  console.log(`| ${cells.join(' | ')} |`)
}
