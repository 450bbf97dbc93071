// From what a user wrote to a whole topology, or to one error that names every key that does not hold.

import { TenfoldError } from '../base/errors.ts'
import { mergeTopology, presetOf } from './rungs.ts'
import { type Topology, type TopologyInput, topologySchema } from './schema.ts'

/** Types the default export of a topology file; the value is returned as it is. */
export function defineTopology(topology: TopologyInput): TopologyInput {
  return topology
}

/**
 * Fills in the rung's preset and the defaults.
 * @throws bad-topology with one line per wrong key: which key, what was expected, what was got.
 */
export function resolveTopology(input: unknown, source = 'topology'): Topology {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw new TenfoldError('bad-topology', `${source}: expected an object of settings, got ${show(input)}`)
  const rung = (input as { rung?: unknown }).rung ?? 1
  const isRung = Number.isInteger(rung) && Number(rung) >= 1 && Number(rung) <= 11
  const whole = isRung ? withBalancer(mergeTopology(presetOf(Number(rung)), input as TopologyInput)) : input
  const parsed = topologySchema.safeParse(whole, { reportInput: true })
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ key: [...issue.path, key].join('.'), problem: 'is not a key of the topology' }))
    const got = issue.input === undefined ? '' : `, got ${show(issue.input)}`
    return [
      {
        key: issue.path.join('.') || 'topology',
        problem: lowerFirst(issue.message.replace(/^Invalid input: /, '')) + got,
      },
    ]
  })
  const lines = problems.map(({ key, problem }) => `  ${key}: ${problem}`)
  throw new TenfoldError('bad-topology', `${source} does not hold:\n${lines.join('\n')}`, { details: { problems } })
}

/** A program listens on an address of its own, so it always stands behind a balancer; nobody has to write that. */
function withBalancer(input: TopologyInput): TopologyInput {
  if (input.web?.command === undefined || input.front?.count !== undefined) return input
  return mergeTopology(input, { front: { count: 1 } })
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
