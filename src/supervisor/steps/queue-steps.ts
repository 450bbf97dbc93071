// Steps of the queue's brokers. Each may be run again after a crash at any point. A node that dies under one is started again by
// the watcher, and is waited for.

import { TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import type { MapQueue } from '../../map/map.ts'
import type { System } from '../system.ts'

const timeoutMs = 60_000
const intervalMs = 200

type QueueSystem = Pick<System, 'keeper' | 'nats' | 'stopping'>

/** Every one of them serves and has agreed with the others, before the first process is told. */
export async function useQueue({ keeper, nats, stopping }: QueueSystem, queue: MapQueue): Promise<void> {
  const serves = async (id: string) => {
    const node = keeper.node(id)
    if (!node) throw new TenfoldError('not-found', `the map has no node ${id}`)
    await using admin = await nats.admin(node)
    const trouble = await admin.trouble()
    if (trouble !== undefined) throw new TenfoldError('unavailable', `${id} does not serve yet: ${trouble}`)
    return true
  }
  const signal = stopping()
  await Promise.all(
    queue.nodes.map((id) => waitUntil(() => serves(id), { what: `JetStream at ${id}`, timeoutMs, intervalMs, signal })),
  )
  await keeper.changeEverywhere((draft) => {
    if (queue.nodes.length > 0 || queue.left !== undefined) draft.queue = queue
    else delete draft.queue
  })
}

export async function emptyBroker({ keeper }: QueueSystem, nodes: readonly string[]): Promise<void> {
  await keeper.change((draft) => {
    const left = draft.queue?.left?.filter((queue) => !queue.some((id) => nodes.includes(id))) ?? []
    const used = draft.queue?.nodes ?? []
    if (left.length > 0) draft.queue = { nodes: used, left }
    else if (used.length > 0) draft.queue = { nodes: used }
    else delete draft.queue
  })
}
