// `tenfold queue job ID` and `queue cancel QUEUE ID`: one job's life, and its end.

import type { JobLife, SeenEvent, SeenFailure, SeenJob } from '../control/api.ts'
import { type Command, UsageError } from './command.ts'
import { span } from './table.ts'

const payloadCharactersMax = 500

export const queueJob: Command = {
  name: 'queue job',
  usage: 'ID [--queue Q]',
  summary: "one job's life over all processes: where it is, its failures, its trace",
  details: `Each process remembers its last 20,000 events of jobs. What it saw goes with it; where the job is now, and its last 10 failures, are
kept with the job.`,
  options: { queue: { type: 'string' } },
  words: [1, 1],
  async run(target, [id = ''], values) {
    const queue = typeof values['queue'] === 'string' ? values['queue'] : undefined
    const life = await (await target.client()).job(id, queue)
    target.print(life, describe(life))
  },
}

export const queueCancel: Command = {
  name: 'queue cancel',
  usage: 'QUEUE ID',
  summary: 'take a job out, or ask the worker that has it to stop',
  words: [2, 2],
  async run(target, [queue = '', id = '']) {
    if (!/^[0-9a-f-]{36}$/i.test(id)) throw new UsageError(`ID must be a job's id, got ${JSON.stringify(id)}`)
    const done = await (await target.client()).cancelJob(queue, id)
    target.print(done, answers[done.answer])
  },
}

const answers = {
  canceled: 'canceled: it is gone',
  asked: 'a worker has it, and was asked to stop',
  unknown: 'no job of that id waits or runs in that queue: it is done, dead, or never was',
}

function describe({ id, job, events }: JobLife): string {
  const trace = job?.trace ?? events.find((event) => event.trace !== undefined)?.trace
  return [
    ...(job ? describeJob(job) : [`job ${id} is in no line any more`]),
    ...(trace === undefined || trace === null ? [] : [`trace ${trace.split('-')[1] ?? trace}`]),
    ...events.map(describeEvent),
    ...(job?.failures ?? []).map(describeFailure),
  ].join('\n')
}

function describeJob({
  id,
  queue,
  state,
  attempt,
  until,
  holder,
  key,
  priority,
  progress,
  payload,
}: SeenJob): string[] {
  const text = JSON.stringify(payload)
  const terms = [
    key === null ? undefined : `key ${key}`,
    priority === 0 ? undefined : `priority ${priority}`,
    holder === null ? undefined : `with ${holder}`,
    until === null ? undefined : `until ${until}`,
  ].filter((term) => term !== undefined)
  return [
    `job ${id} of ${queue}: ${[state, `attempt ${attempt}`, ...terms].join(', ')}`,
    ...(progress === null || progress === undefined ? [] : [`progress ${JSON.stringify(progress)}`]),
    `payload ${text.length > payloadCharactersMax ? `${text.slice(0, payloadCharactersMax)}…` : text}`,
  ]
}

function describeEvent({ at, node, event, attempt, durationMs, delayMs, reason }: SeenEvent): string {
  const more = [
    attempt > 0 ? `attempt ${attempt}` : undefined,
    durationMs === undefined ? undefined : `after ${span(durationMs)}`,
    delayMs === undefined ? undefined : `again in ${span(delayMs)}`,
    reason,
  ].filter((part) => part !== undefined)
  return `  ${at}  ${node}  ${event}${more.length > 0 ? `  ${more.join(', ')}` : ''}`
}

function describeFailure({ attempt, at, reason, holder }: SeenFailure): string {
  return `failure at attempt ${attempt}, ${at}${holder === null ? '' : `, ${holder}`}: ${reason}`
}
