// `tenfold queue dead list|redrive|drop`: jobs that were given up, and what becomes of them.

import type { DeadChoice, SeenDead } from '../control/api.ts'
import { type Command, UsageError, type Values, wholeNumber } from './command.ts'

const listedDefault = 20
const listedMax = 100
const idsMax = 500

export const queueDead: Command = {
  name: 'queue dead',
  usage: 'list [--queue Q] [--limit N] [--before P] | redrive ID.. | drop ID.. | redrive|drop --queue Q',
  summary: 'jobs that were given up: why, publish them again, forget them',
  details: `list shows the newest first, ${listedDefault} unless --limit says more (${listedMax} at most), and --before goes on from there. redrive publishes jobs
again with all their attempts before them, in the order of their first publish; a second redrive of the same job does nothing. With --queue all
dead jobs of that queue are meant, 10,000 at most in one call.`,
  options: { queue: { type: 'string' }, limit: { type: 'string' }, before: { type: 'string' } },
  words: [1, 1 + idsMax],
  async run(target, [action, ...ids], values) {
    if (action !== 'list' && action !== 'redrive' && action !== 'drop')
      throw new UsageError(`dead jobs can be listed, redriven and dropped: list, redrive, drop; got ${action}`)
    const queue = textOf(values, 'queue')
    if (action === 'list') {
      if (ids.length > 0) throw new UsageError(`list takes no ids, got ${ids[0]}`)
      const limit = wholeNumber(textOf(values, 'limit') ?? `${listedDefault}`, '--limit')
      if (limit < 1 || limit > listedMax) throw new UsageError(`--limit must be from 1 to ${listedMax}, got ${limit}`)
      const before = textOf(values, 'before')
      const client = await target.client()
      const page = await client.deadJobs({
        ...{ limit, ...(queue !== undefined && { queue }), ...(before !== undefined && { before }) },
      })
      const more = page.next === null ? [] : [`more: --before ${page.next}`]
      const text = [...page.letters.map(describe), ...more].join('\n')
      return target.print(page, text === '' ? `no job${queue === undefined ? '' : ` of ${queue}`} is dead` : text)
    }
    const choice = choiceOf(queue, ids)
    const client = await target.client()
    if (action === 'drop') {
      const done = await client.dropDead(choice)
      return target.print(done, `${done.dropped} dead ${jobs(done.dropped)} forgotten`)
    }
    const done = await client.redrive(choice)
    target.print(done, `${done.redriven} dead ${jobs(done.redriven)} published again`)
  },
}

function choiceOf(queue: string | undefined, ids: string[]): DeadChoice {
  if ((queue === undefined) === (ids.length === 0)) throw new UsageError('name jobs by their ids, or a whole --queue')
  for (const id of ids)
    if (!/^[0-9a-f-]{36}$/i.test(id)) throw new UsageError(`ID must be a job's id, got ${JSON.stringify(id)}`)
  return queue === undefined ? { ids } : { queue }
}

function describe({ id, queue, attempt, diedAt, reason, key }: SeenDead): string {
  return `${id}  ${queue}${key === null ? '' : ` (${key})`}  died ${diedAt} at attempt ${attempt}: ${reason}`
}

function jobs(count: number): string {
  return count === 1 ? 'job' : 'jobs'
}

function textOf(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}
