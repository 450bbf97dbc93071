// A Redis Cluster, formed and healed by one function that converges: whatever state the nodes are in, each call brings
// them nearer to "all of these and nobody else, every slot served", and a call on a whole cluster changes nothing.
//
// Source: Redis cluster specification (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).

import { isTenfoldError, TenfoldError } from '../../base/errors.ts'
import { waitUntil } from '../../base/limits.ts'
import { RedisAdmin } from './admin.ts'
import type { RedisAddress, RedisSecrets } from './contract.ts'

export const slotCount = 16_384
const pollMs = 50

export interface ClusterNode extends RedisAddress {
  busPort: number
  /** Begins as a replica of this one. Who is primary later is for the cluster to decide: a replica takes over by itself. */
  standsBy?: RedisAddress | undefined
}

/** A line of CLUSTER NODES. */
interface KnownNode {
  id: string
  port: number
  address: string
  isSelf: boolean
  isPrimary: boolean
  /** Of a replica. */
  primaryId: string | undefined
  /** It was met and has not answered yet: its id is made up. */
  isNew: boolean
  /** The node that was asked has not heard of it for long (`fail?` and `fail`). */
  isFailing: boolean
  slots: Array<readonly [first: number, last: number]>
}

/**
 * Resolves when every node sees all the others and every slot is served by one of them. A node that is gone for good is
 * left out of `nodes`: it is forgotten, and its slots, empty, go to those who have least. All of `nodes` have to answer.
 * @throws timeout, unavailable.
 */
export async function healCluster(
  nodes: readonly ClusterNode[],
  { secrets, timeoutMs }: { secrets: RedisSecrets; timeoutMs: number },
): Promise<void> {
  if (nodes.length < 3) throw new TenfoldError('bad-input', 'a cluster has at least three nodes, or it cannot decide')
  const admins: RedisAdmin[] = []
  try {
    for (const node of nodes) admins.push(await RedisAdmin.connect({ ...node, secrets }))
    await waitUntil(() => converge(nodes, admins), {
      what: `a whole cluster of ${nodes.length} nodes`,
      timeoutMs,
      intervalMs: pollMs,
    })
  } finally {
    for (const admin of admins) admin.close()
  }
}

/** One step of it. True when there was nothing left to do. */
async function converge(nodes: readonly ClusterNode[], admins: readonly RedisAdmin[]): Promise<boolean> {
  const views = await Promise.all(admins.map(knownNodes))
  const ids = views.map((view) => view.find(({ isSelf }) => isSelf)?.id)
  let isWhole = await forgetStrangers(admins, views, new Set(ids))
  const [first] = views
  for (const [i, node] of nodes.entries()) {
    if (first?.some(({ id }) => id === ids[i])) continue
    isWhole = false
    if (first?.some(({ isNew, address, port }) => isNew && address === node.address && port === node.port)) continue
    await admins[0]?.command('CLUSTER', 'MEET', node.address, node.port, node.busPort)
  }
  if (!isWhole || views.some((view) => ids.some((id) => !view.some((known) => known.id === id)))) return false
  // Everybody knows everybody. A slot is served by whoever says so of itself.
  const selves = views.map((view) => view.find(({ isSelf }) => isSelf))
  const owned = selves.map((self) => self?.slots ?? [])
  if (await standBy(nodes, admins, selves)) return false
  const free = freeSlots(owned.flat())
  if (free.length > 0) {
    const able = admins.filter((_, i) => selves[i]?.isPrimary && !nodes[i]?.standsBy)
    await assign(
      free,
      able.map((admin) => ({ admin, count: countOf(owned[admins.indexOf(admin)] ?? []) })),
    )
    return false
  }
  const healthy = await Promise.all(
    admins.map(async (admin) => String(await admin.command('CLUSTER', 'INFO')).includes('cluster_state:ok')),
  )
  // Slots show with primaries only.
  const seesAll = views.every((view) => countOf(view.flatMap(({ slots }) => slots)) === slotCount)
  return seesAll && healthy.every((ok) => ok) && views.every((view) => view.every(({ isFailing }) => !isFailing))
}

/** A node whose data was lost comes back under a new id; the old one is only a memory of the others. */
async function forgetStrangers(
  admins: readonly RedisAdmin[],
  views: readonly KnownNode[][],
  ours: ReadonlySet<string | undefined>,
): Promise<boolean> {
  let isClean = true
  for (const [i, view] of views.entries())
    for (const known of view) {
      if (ours.has(known.id)) continue
      isClean = false
      if (known.isNew) continue // becomes one of ours, or ends by itself
      await admins[i]?.command('CLUSTER', 'FORGET', known.id).catch((error) => {
        if (!isTenfoldError(error, 'program-failed')) throw error
      })
    }
  return isClean
}

/**
 * A node that is to be a replica and has nothing yet becomes one; so does a primary that lost all it had, also who it was, while
 * its replica had taken its place. Whether there was any.
 */
async function standBy(
  nodes: readonly ClusterNode[],
  admins: readonly RedisAdmin[],
  selves: ReadonlyArray<KnownNode | undefined>,
): Promise<boolean> {
  let isAny = false
  const isAt = (one: RedisAddress, other: RedisAddress | undefined) =>
    one.address === other?.address && one.port === other.port
  for (const [i, node] of nodes.entries()) {
    const self = selves[i]
    if (!self?.isPrimary || self.slots.length > 0) continue
    const heir = nodes.findIndex(({ standsBy }, j) => isAt(node, standsBy) && (selves[j]?.slots.length ?? 0) > 0)
    const { standsBy } = node
    const primary = selves[standsBy ? nodes.findIndex((other) => isAt(other, standsBy)) : heir]
    // One that was taken over from meanwhile is a replica itself: this one then joins whoever took over.
    const id = primary?.isPrimary ? primary.id : primary?.primaryId
    if (id === undefined) continue
    isAny = true
    await admins[i]?.command('CLUSTER', 'REPLICATE', id)
  }
  return isAny
}

/** Evenly over those who have least, in ranges as long as can be. */
async function assign(
  free: readonly number[],
  able: ReadonlyArray<{ admin: RedisAdmin; count: number }>,
): Promise<void> {
  const primaries = [...able].sort((a, b) => a.count - b.count)
  const fair = Math.ceil(primaries.reduce((sum, { count }) => sum + count, free.length) / primaries.length)
  let given = 0
  for (const [i, { admin, count }] of primaries.entries()) {
    const left = free.length - given
    const share = i === primaries.length - 1 ? left : Math.max(0, Math.min(fair - count, left))
    const ranges = rangesOf(free.slice(given, given + share))
    given += share
    if (ranges.length > 0) await admin.command('CLUSTER', 'ADDSLOTSRANGE', ...ranges.flat())
  }
}

async function knownNodes(admin: RedisAdmin): Promise<KnownNode[]> {
  return parseNodes(String(await admin.command('CLUSTER', 'NODES')))
}

/** `<id> <ip:port@bus[,host]> <flags> <primary> <ping> <pong> <epoch> <link> <slot>...`, one a line. */
export function parseNodes(text: string): KnownNode[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id = '', where = '', flags = '', primary = '-', , , , , ...slots] = line.split(' ')
      const [, address = '', port = ''] = /^(.*):(\d+)@/.exec(where) ?? []
      const named = flags.split(',')
      return {
        id,
        address,
        port: Number(port),
        isSelf: named.includes('myself'),
        isPrimary: named.includes('master'),
        primaryId: primary === '-' ? undefined : primary,
        isNew: named.includes('handshake'),
        isFailing: named.includes('fail') || named.includes('fail?'),
        slots: slots
          .filter((slot) => !slot.startsWith('[')) // being moved: counted where it is
          .map((slot) => slot.split('-').map(Number))
          .map(([first = 0, last = first]) => [first, last] as const),
      }
    })
}

function freeSlots(taken: KnownNode['slots']): number[] {
  const isTaken = new Uint8Array(slotCount)
  for (const [first, last] of taken) isTaken.fill(1, first, last + 1)
  const free: number[] = []
  for (let slot = 0; slot < slotCount; slot++) if (isTaken[slot] === 0) free.push(slot)
  return free
}

/** [1, 2, 3, 7] is [[1, 3], [7, 7]]. */
export function rangesOf(slots: readonly number[]): Array<[first: number, last: number]> {
  const ranges: Array<[number, number]> = []
  for (const slot of slots) {
    const open = ranges.at(-1)
    if (open && open[1] === slot - 1) open[1] = slot
    else ranges.push([slot, slot])
  }
  return ranges
}

function countOf(slots: KnownNode['slots']): number {
  return slots.reduce((sum, [first, last]) => sum + last - first + 1, 0)
}
