// Steps of the queue's brokers. Each may be run again after a crash at any point. A node that dies under one is started again by
// the watcher, and is waited for.

import { TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import type { MapQueue } from '../../map/map.ts'
import { openDatabase } from '../../tiers/database/database.ts'
import { DatabaseRouter } from '../../tiers/database/router.ts'
import { moveJobsToPostgres } from '../../tiers/queue/engines/jetstream/move-jobs.ts'
import type { System } from '../system.ts'

const timeoutMs = 60_000
const intervalMs = 200
/** What is left is moved anew when a broker, or the database, was away; given up when that was so for as long as this. */
const moveTimeoutMs = 300_000

/** Every one of them serves and has agreed with the others, before the first process is told. */
export async function useQueue(
  { keeper, nats, stopping }: Pick<System, 'keeper' | 'nats' | 'stopping'>,
  queue: MapQueue,
): Promise<void> {
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

/**
 * Streams have nothing there that the database does not have (engines/jetstream/streams). A supervisor that stops does not wait
 * for a million jobs: the next one goes on.
 */
export async function emptyBroker(
  { keeper, secrets, events, stopping }: Pick<System, 'keeper' | 'secrets' | 'events' | 'stopping'>,
  nodes: readonly string[],
): Promise<void> {
  const servers = nodes.flatMap((id) => keeper.node(id) ?? [])
  if (servers.length > 0) {
    const map = {
      get current() {
        return keeper.map
      },
      refresh: async () => keeper.map,
      onChange: keeper.onChange.bind(keeper),
    }
    const router = new DatabaseRouter({ map, secrets: secrets.postgres, node: 'supervisor' })
    await router.start()
    const stop = () => void router.stop()
    stopping().addEventListener('abort', stop, { once: true })
    try {
      const database = openDatabase<unknown>(router)
      const warn = (_about: unknown, text?: unknown) => events.emit('warn', String(text))
      const move = async () => {
        if (stopping().aborted) return false
        const moved = await moveJobsToPostgres({
          ...{ servers, username: 'app', password: secrets.nats.app, shards: () => database.shards() },
          log: { warn },
        })
        if (moved > 0) events.emit('info', `${moved} jobs were moved from ${nodes.join(', ')} to the database`)
        return true
      }
      const within = { what: `moving what is left in ${nodes.join(', ')}`, timeoutMs: moveTimeoutMs, intervalMs }
      await waitUntil(move, { ...within, signal: stopping() })
    } finally {
      stopping().removeEventListener('abort', stop)
      await router.stop()
    }
  }
  await keeper.change((draft) => {
    const left = draft.queue?.left?.filter((queue) => !queue.some((id) => nodes.includes(id))) ?? []
    const used = draft.queue?.nodes ?? []
    if (left.length > 0) draft.queue = { nodes: used, left }
    else if (used.length > 0) draft.queue = { nodes: used }
    else delete draft.queue
  })
}
