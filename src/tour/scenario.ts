// The journey as data: which acts, in which order, and how long each may take so that the whole fits into the minutes given.
// A later rung joins by its row in topology/rungs.ts and by its faults here.

import { TenfoldError } from '../base/errors.ts'
import { rungs } from '../topology/rungs.ts'

export type Act =
  /** Load, and nothing else happens. Holds share the time that is left by their weights. */
  | { kind: 'hold'; rung: number; weight: number }
  | { kind: 'climb'; from: number; to: number }
  | FaultAct
  /** Another node becomes the primary of the first shard, as planned. */
  | { kind: 'switchover'; rung: number }
  /** What the edge keeps under a tag is thrown out: within a second no front gives it any more. */
  | { kind: 'purge'; rung: number }

/** kill -9, or standing still, of the nth node of a kind; ends when as many are ready as before. */
export interface FaultAct {
  kind: 'fault'
  rung: number
  fault: 'kill' | 'pause'
  victim: 'front' | 'web' | 'worker' | 'cache' | 'broker' | 'primary' | 'replica'
  nth: number
}

type Trial = FaultAct | Extract<Act, { kind: 'switchover' | 'purge' }>

const fault = (rung: number, kind: FaultAct['fault'], victim: FaultAct['victim'], nth = 0): FaultAct => ({
  kind: 'fault',
  rung,
  fault: kind,
  victim,
  nth,
})

/** What each rung must survive under load. Rung 1's restart comes after the load (tour.ts), rung 2's is the move itself. */
const trialsByRung: Readonly<Record<number, readonly Trial[]>> = {
  3: [fault(3, 'kill', 'web', 0), fault(3, 'kill', 'web', 1)],
  4: [
    fault(4, 'kill', 'replica'),
    fault(4, 'kill', 'primary'),
    { kind: 'switchover', rung: 4 },
    fault(4, 'pause', 'primary'),
  ],
  5: [fault(5, 'kill', 'cache')],
  6: [fault(6, 'kill', 'front', 0), { kind: 'purge', rung: 6 }, fault(6, 'kill', 'front', 1)],
  7: [fault(7, 'kill', 'web', 0), fault(7, 'kill', 'web', 1), fault(7, 'kill', 'web', 2)],
  9: [fault(9, 'kill', 'worker'), fault(9, 'kill', 'broker'), fault(9, 'pause', 'broker', 1)],
}

const holdMsMin = 1500
const reserveMs = { climb: 3500, fault: 2000, switchover: 2000, purge: 2500 } as const
/** One of a database: a replica takes its place, and it comes back as a replica. A broker has to catch up with the others. */
const storeFaultMs = 5000
/** A broker that stands still is given so long to move again before it is killed. */
const brokerPauseMs = 10_000
/** First users and photos before the load; the last answers, two verifications and a restart after it. */
const beforeMs = 5000
const afterMs = 20_000

/** Up to `rungMax`, by way of the rungs that are built, and down again to 1, with each rung's faults on the way up. */
export function planActs(rungMax: number): Act[] {
  const way = rungs.filter(({ number, isBuilt }) => isBuilt && number <= rungMax).map(({ number }) => number)
  const acts: Act[] = [{ kind: 'hold', rung: 1, weight: 2 }]
  for (const [index, rung] of way.entries()) {
    const from = way[index - 1]
    if (from === undefined) continue
    acts.push({ kind: 'climb', from, to: rung }, { kind: 'hold', rung, weight: 2 })
    for (const trial of trialsByRung[rung] ?? []) acts.push(trial, { kind: 'hold', rung, weight: 1 })
  }
  for (const [index, from] of way.toReversed().entries()) {
    const to = way[way.length - 2 - index]
    if (to !== undefined) acts.push({ kind: 'climb', from, to }, { kind: 'hold', rung: to, weight: 1 })
  }
  return acts
}

function reserveOf(act: Exclude<Act, { kind: 'hold' }>): number {
  if (act.kind !== 'fault') return reserveMs[act.kind]
  if (act.victim === 'broker' && act.fault === 'pause') return brokerPauseMs
  const isStore = act.victim === 'primary' || act.victim === 'replica' || act.victim === 'broker'
  return isStore ? storeFaultMs : reserveMs.fault
}

/** @throws bad-input when the acts cannot fit. */
export function checkMinutes(acts: readonly Act[], minutes: number): void {
  const leastMs = beforeMs + afterMs + sum(acts, (act) => (act.kind === 'hold' ? holdMsMin : reserveOf(act)))
  if (minutes * 60_000 >= leastMs) return
  const least = Math.ceil(leastMs / 6000) / 10
  throw new TenfoldError('bad-input', `a tour of ${acts.length} acts needs at least ${least} minutes, got ${minutes}`)
}

/**
 * How long the hold at the head of `rest` lasts when `leftMs` are left of the whole tour: its share of what the acts to
 * come do not need. Acts that took longer or shorter than foreseen are made up for by the holds after them.
 */
export function holdMs(rest: readonly Act[], leftMs: number): number {
  const head = rest[0]
  if (head?.kind !== 'hold') return 0
  const neededMs = afterMs + sum(rest, (act) => (act.kind === 'hold' ? 0 : reserveOf(act)))
  const share = head.weight / sum(rest, (act) => (act.kind === 'hold' ? act.weight : 0))
  return Math.max(holdMsMin, (leftMs - neededMs) * share)
}

export function titleOf(act: Act): string {
  if (act.kind === 'hold') return `hold rung ${act.rung}`
  if (act.kind === 'climb') return `${act.to > act.from ? 'climb' : 'descend'} ${act.from} → ${act.to}`
  if (act.kind === 'switchover') return 'switchover'
  if (act.kind === 'purge') return 'purge by tag'
  const isNumbered = act.victim === 'web' || act.victim === 'front' || act.victim === 'broker'
  const victim = isNumbered ? `${act.victim} ${act.nth + 1}` : act.victim
  return `${act.fault === 'kill' ? 'kill -9' : act.fault} ${victim}`
}

/** Where the system stands during an act; a climb belongs to no rung. */
export function rungDuring(act: Act): number | undefined {
  return act.kind === 'climb' ? undefined : act.rung
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
