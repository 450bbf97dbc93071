// `tenfold queue streams` and `queue rewind`: where the groups of streams are, and to send one elsewhere.

import type { SeenPlace, SeenStream } from '../control/api.ts'
import { type Command, UsageError } from './command.ts'
import { span } from './table.ts'

export const queueStreams: Command = {
  name: 'queue streams',
  usage: '',
  summary: 'streams and their groups: where each is, how far behind, what fails',
  async run(target) {
    const streams = await (await target.client()).streams()
    const text = streams.flatMap(describe).join('\n')
    target.print({ streams }, text === '' ? 'the app has no stream' : text)
  },
}

export const queueRewind: Command = {
  name: 'queue rewind',
  usage: 'STREAM GROUP start|now|TIME|POSITION',
  summary: 'send a group of a stream back or forward: entries are read again from there',
  details: `TIME is ISO 8601, 2026-11-25T06:00:00Z; POSITION as an entry has it. Works while the group reads; what is being handled just then is not
kept as handled.`,
  words: [3, 3],
  async run(target, [stream = '', group = '', word = '']) {
    const to = placeOf(word)
    await (await target.client()).rewind(stream, group, to)
    target.print({ stream, group, to }, `group ${group} of ${stream} goes on from ${word}`)
  },
}

function placeOf(word: string): SeenPlace {
  if (word === 'start' || word === 'now') return word
  if (!/^\d{4}-\d\d-\d\dT/.test(word)) return { position: word }
  const at = new Date(word)
  if (Number.isNaN(at.getTime())) throw new UsageError(`${JSON.stringify(word)} is no time: 2026-11-25T06:00:00Z`)
  return { at: at.toISOString() }
}

function describe({ stream, partitions, keepMs, newestAt, groups }: SeenStream): string[] {
  const newest = newestAt === null ? 'nothing in it yet' : `newest ${newestAt}`
  return [
    `${stream}: ${partitions} partition${partitions === 1 ? '' : 's'}, kept for ${span(keepMs)}, ${newest}`,
    ...groups.flatMap(({ group, lanes }) =>
      lanes.map(({ id, position, lag, isMore, oldestMs, holder, failed, reason }) => {
        const behind = lag === 0 ? 'has all' : `${lag}${isMore ? '+' : ''} behind, ${span(oldestMs)}`
        const failing = failed === 0 ? '' : `; failed ${failed} times: ${reason ?? ''}`
        return `  ${group} ${id}  at ${position}  ${behind}${holder === undefined ? '' : `  ${holder}`}${failing}`
      }),
    ),
  ]
}
