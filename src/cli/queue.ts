// `tenfold queue`: what waits, since when, how fast it goes, and what fails.

import type { QueueState, QueueSummary } from '../control/api.ts'
import type { Command } from './command.ts'
import { span, tableOf } from './table.ts'

const slowestShown = 3

export const queue: Command = {
  name: 'queue',
  usage: '',
  summary: 'each queue: what waits and since when, rates, failures, the slowest runs',
  details: `Waiting jobs could be taken now; delayed ones not yet, those that wait for their next attempt among them; leased ones are with a
worker. Counts end at 100,000 ("+"). Rates are of the last 10 seconds, the slowest runs of the last 10 minutes.`,
  async run(target) {
    const summary = await (await target.client()).queue()
    target.print(summary, describe(summary))
  },
}

function describe({ engine, queues, trouble }: QueueSummary): string {
  if (queues.length === 0 && trouble === null) return `no queue has had a job yet (${engine})`
  const slow = queues.flatMap(({ queue, slowest }) => slowest.map((run) => ({ queue, ...run })))
  slow.sort((a, b) => b.durationMs - a.durationMs)
  return [
    ...(trouble === null ? [] : [`what waits could not be counted: ${trouble}`]),
    ...tableOf(headings, queues.map(rowOf)),
    ...slow
      .slice(0, slowestShown)
      .map(({ queue, id, durationMs, at }) => `slow: ${queue} ${id} took ${span(durationMs)}, ended ${at}`),
    ...queues
      .filter(({ dead }) => dead > 0)
      .map(({ queue, dead }) => `${dead} of ${queue} are dead: \`tenfold queue dead list --queue ${queue}\` says why`),
  ].join('\n')
}

const headings = [
  'queue',
  'waiting',
  'oldest',
  'delayed',
  'leased',
  'dead',
  'published/s',
  'done/s',
  'failed/s',
  'mean',
]

function rowOf(state: QueueState): string[] {
  const { queue, waiting, oldestMs, delayed, leased, dead, isMore, durations, durationSumMs } = state
  const runs = durations.reduce((sum, count) => sum + count, 0)
  const rates = [state.publishedPerSecond, state.donePerSecond, state.failedPerSecond].map((rate) => rate.toFixed(1))
  const counts = [delayed, leased, dead].map(String)
  return [
    ...[queue, `${waiting}${isMore ? '+' : ''}`, waiting === 0 ? '-' : span(oldestMs), ...counts],
    ...[...rates, runs === 0 ? '-' : span(durationSumMs / runs)],
  ]
}
