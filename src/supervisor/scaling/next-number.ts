// From what the load asks for at each moment to a number that stays put: up at once, down slowly. Pure, and the same for any role
// whose demand is known.
//
// Source: Kubernetes' HorizontalPodAutoscaler, "Configurable scaling behavior": fewer only when every demand of a
// stabilisation window was for fewer (then the highest of them), and each change bounded: up to twice as many or 4 more, down by
// half. Between two changes downwards lies a cool-down, so that the load has settled on those that are left.
// Worked example, window 300 s: 8 processes; the load falls to what 2 can carry. For 300 s nothing; then 4, after the cool-down
// 2. A peak that asks for 6 on the way begins the 300 s again.

export interface ScaleRules {
  /** The number is never below nor above these. */
  least: number
  most: number
  stabiliseMs: number
  coolDownMs: number
}

/** What is remembered between two looks. */
export interface ScaleState {
  number: number
  /** Since when demands are known without a gap. */
  sinceMs: number
  /** When the number changed last; undefined: not since `sinceMs`. */
  changedAtMs: number | undefined
  /** Of the window's demands those that a later one did not top, so that the first is the highest: at most `most` of them. */
  demands: ReadonlyArray<{ atMs: number; number: number }>
}

const upLeast = 4
const upFactor = 2
const downFactor = 2
/** Whoever looked at nothing for so long (he stood still, say) knows nothing of what was asked for meanwhile. */
const gapMsMax = 30_000

/** Nothing is remembered of demands: so nothing is taken away until a whole window has been seen. */
export function firstState(number: number, atMs: number): ScaleState {
  return { number, sinceMs: atMs, changedAtMs: undefined, demands: [] }
}

/** Takes a demand down; the number stays. */
export function remember(before: ScaleState, demand: number, atMs: number, rules: ScaleRules): ScaleState {
  const wanted = clamp(demand, rules)
  const last = before.demands.at(-1)
  if (last && atMs - last.atMs > gapMsMax) return { ...before, sinceMs: atMs, demands: [{ atMs, number: wanted }] }
  const past = before.demands.filter(({ number, atMs: askedAtMs }) => {
    return number > wanted && atMs - askedAtMs <= rules.stabiliseMs
  })
  return { ...before, demands: [...past, { atMs, number: wanted }] }
}

/** The same state when the number stays. */
export function nextNumber(state: ScaleState, atMs: number, rules: ScaleRules): ScaleState {
  const now = clamp(state.number, rules)
  const changeTo = (number: number): ScaleState => ({ ...state, number, changedAtMs: atMs })
  const [highest, latest] = [state.demands[0]?.number ?? now, state.demands.at(-1)?.number ?? now]
  if (latest > now) return changeTo(Math.min(latest, Math.max(now * upFactor, now + upLeast)))
  const isSettled = atMs - state.sinceMs >= rules.stabiliseMs
  const isCool = state.changedAtMs === undefined || atMs - state.changedAtMs >= rules.coolDownMs
  if (highest < now && isSettled && isCool) return changeTo(Math.max(highest, Math.ceil(now / downFactor)))
  return now === state.number ? state : changeTo(now)
}

function clamp(number: number, { least, most }: ScaleRules): number {
  return Math.min(most, Math.max(least, number))
}
