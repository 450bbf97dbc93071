// `tenfold plan`, `apply`, `climb`: the way from here to another topology, printed or gone.

import type { Plan, Target } from '../control/api.ts'
import { rungs } from '../topology/rungs.ts'
import { type Command, type TargetSystem, UsageError, type Values, wholeNumber } from './command.ts'
import { followClimb } from './progress.ts'
import { readTopologyFile } from './topology-file.ts'

const climbTimeoutMs = 1_800_000

export const plan: Command = {
  name: 'plan',
  usage: 'FILE | --rung N',
  summary: 'the steps from here to there, without doing them',
  options: { rung: { type: 'string' } },
  words: [0, 1],
  async run(target, words, values) {
    const answer = await (await target.client()).plan(await targetOf(words, values))
    target.print(answer, describePlan(answer))
  },
}

export const apply: Command = {
  name: 'apply',
  usage: 'FILE',
  summary: 'bring the system to a topology, live',
  words: [1, 1],
  async run(target, words, values) {
    await go(target, await targetOf(words, values))
  },
}

export const climb: Command = {
  name: 'climb',
  usage: '[--to N]',
  summary: 'climb (or descend) to a rung, live; the next one when left out',
  options: { to: { type: 'string' } },
  async run(target, _words, values) {
    if (values['to'] !== undefined) return go(target, { rung: wholeNumber(String(values['to']), '--to') })
    const { rung } = await (await target.client()).status()
    const next = rungs.find(({ number, isBuilt }) => number > rung && isBuilt)
    await go(target, { rung: next?.number ?? Math.min(rung + 1, rungs.length) })
  },
}

async function go(target: TargetSystem, to: Target): Promise<void> {
  const client = await target.client()
  const { steps } = await client.apply(to)
  const status = await followClimb(client, target, climbTimeoutMs)
  const title = rungs.find((rung) => rung.number === status.rung)?.title
  target.print(status, `${steps.length === 0 ? 'nothing to do: ' : ''}rung ${status.rung}, ${title}`)
}

async function targetOf(words: string[], values: Values): Promise<Target> {
  const [file] = words
  if ((file === undefined) === (values['rung'] === undefined))
    throw new UsageError('give either a topology FILE or --rung N')
  if (file !== undefined) return { topology: await readTopologyFile(file) }
  return { rung: wholeNumber(String(values['rung']), '--rung') }
}

function describePlan({ from, to, steps }: Plan): string {
  if (steps.length === 0) return `nothing to do: rung ${to} is reached`
  return [
    `rung ${from} to ${to}:`,
    ...steps.map(({ title }, index) => `${String(index + 1).padStart(3)}. ${title}`),
  ].join('\n')
}
