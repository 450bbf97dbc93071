// How much lies in each queue: in the lanes, and in PostgreSQL what is not relayed yet, and what is dead.

import type { ConsumerInfo } from '@nats-io/jetstream'
import { describeError, TenfoldError } from '../../../../base/errors.ts'
import type { QueueDepth } from '../../contract.ts'
import type { Lanes } from './lanes.ts'
import type { NatsLink } from './link.ts'
import type { Lookup } from './lookup.ts'
import { type Lane, laneOfConsumer, type Names } from './names.ts'

export interface DepthSources {
  link: NatsLink
  lanes: Lanes
  names: Names
  lookup: Lookup
}

type Counts = Omit<QueueDepth, 'queue'>

/** `delayed`: jobs that the server counts as handed out and that wait for their next attempt, by queue. @throws unavailable */
export async function depthOf(
  sources: DepthSources,
  inPostgres: readonly QueueDepth[],
  delayed: ReadonlyMap<string, number>,
): Promise<QueueDepth[]> {
  const sums = new Map<string, Counts>(inPostgres.map(({ queue, ...counts }) => [queue, { ...counts }]))
  const infos = await lanesOf(sources)
  const ages = await Promise.all(infos.map(({ lane, info }) => oldestMsOf(sources, lane, info)))
  for (const [i, { lane, info }] of infos.entries()) {
    const sum = sums.get(lane.queue) ?? { waiting: 0, delayed: 0, leased: 0, dead: 0, isMore: false, oldestMs: 0 }
    sum.waiting += info.num_pending
    sum.leased += info.num_ack_pending
    sum.oldestMs = Math.max(sum.oldestMs, ages[i] ?? 0)
    sums.set(lane.queue, sum)
  }
  for (const [queue, count] of delayed) {
    const sum = sums.get(queue)
    const known = Math.min(count, sum?.leased ?? 0)
    if (!sum || known === 0) continue
    sum.leased -= known
    sum.delayed += known
  }
  return [...sums]
    .filter(([, { waiting, delayed, leased, dead }]) => waiting + delayed + leased + dead > 0)
    .map(([queue, counts]) => ({ queue, ...counts }))
    .sort((a, b) => (a.queue < b.queue ? -1 : 1))
}

async function lanesOf({ link, lanes, names }: DepthSources): Promise<Array<{ lane: Lane; info: ConsumerInfo }>> {
  await lanes.ensureStream()
  const infos: Array<{ lane: Lane; info: ConsumerInfo }> = []
  try {
    for await (const info of link.manager.consumers.list(names.stream)) {
      const lane = laneOfConsumer(info.name)
      if (lane) infos.push({ lane, info })
    }
  } catch (error) {
    throw new TenfoldError('unavailable', `NATS did not say what it has: ${describeError(error)}`, { cause: error })
  }
  return infos
}

async function oldestMsOf({ lookup }: DepthSources, lane: Lane, info: ConsumerInfo): Promise<number> {
  if (info.num_pending === 0) return 0
  const oldest = await lookup.next(lane, info.delivered.stream_seq + 1)
  return oldest ? Math.max(0, Date.now() - oldest.written.publishedAt.getTime()) : 0
}
