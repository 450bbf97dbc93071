// Where failover and salvage meet: the transactions that only a dead primary had are written to a file before its data are
// thrown away.

import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { describeError } from '../../base/errors.ts'
import { type Home, logFileOf } from '../../map/home.ts'
import type { MapNode } from '../../map/map.ts'
import { parseLsn } from '../../programs/postgres/lsn.ts'
import { decodeLost } from '../../programs/postgres/salvage/decode.ts'
import { openSalvageFile, SalvageWriter } from '../../programs/postgres/salvage/file.ts'
import type { SalvageHeader } from '../../programs/postgres/salvage/format.ts'
import { salvageSlotName } from '../../programs/postgres/salvage/slot.ts'
import { dataDirOf } from '../nodes/postgres-driver.ts'
import type { System } from '../system.ts'

export { dropSalvageSlots, keepSalvageSlot } from './salvage-slot.ts'

/** Header lines that a listing reads; older files stay on disk and can be named. */
const listedMax = 1000

export function salvageDirOf(home: Home): string {
  return join(home.dir, 'salvage')
}

export interface NodeSalvage {
  /** Null when the node was a replica and had nothing of its own. */
  file: string | null
  transactions: number
  /** False: some could not be decoded; the file's `problems` say why, and the data directory is worth keeping. */
  complete: boolean
}

/**
 * Writes down what only `node` had: the transactions that committed on it behind `divergedAt`, where the timeline begins
 * that deposed it. `promotedXid` is the first transaction of that timeline. Its server must be down, or is stopped. May
 * be run again after a crash at any point; a file that is finished is not made twice.
 * @throws whatever keeps its server from starting, and disk-full; it is told as an event, too.
 */
export async function salvageNode(
  system: Pick<System, 'home' | 'secrets' | 'events'>,
  lost: { node: MapNode; shard: string; divergedAt: string; promotedXid: string; timeline: number },
): Promise<NodeSalvage> {
  const { home, secrets, events } = system
  const { node } = lost
  const dataDir = dataDirOf(node)
  const about = { node: node.id }
  const earlier = await findFinished(home, lost)
  if (earlier) return earlier
  if (await wasReplica(dataDir)) return { file: null, transactions: 0, complete: true }
  const at = new Date(systemClock.now()).toISOString()
  const path = join(salvageDirOf(home), `${lost.shard}-tl${lost.timeline}-${at.replaceAll(':', '-')}.jsonl`)
  const writer = await SalvageWriter.open(path)
  try {
    const found = await decodeLost({
      dataDir,
      secrets: secrets.postgres,
      logFile: logFileOf(home, node.id),
      address: node.address,
      from: parseLsn(lost.divergedAt),
      write: (line) => writer.write(line),
    })
    await writer.finish({
      format: 1,
      id: crypto.randomUUID(),
      shard: lost.shard,
      node: node.id,
      timeline: lost.timeline,
      divergedAt: lost.divergedAt,
      promotedXid: lost.promotedXid,
      at,
      ...found,
    })
    const { transactions, complete, problems } = found
    if (transactions > 0)
      events.emit(
        'warn',
        `${transactions} transactions that only ${node.id} had are in ${path}; see tenfold db salvage show`,
        about,
      )
    for (const problem of problems) events.emit('error', `what only ${node.id} had is not whole: ${problem}`, about)
    return { file: path, transactions, complete }
  } catch (error) {
    await writer.abandon()
    events.emit('error', `what only ${node.id} had could not be decoded: ${describeError(error)}`, about)
    throw error
  }
}

export interface ListedSalvage extends Omit<SalvageHeader, 'format' | 'sequences' | 'systemIdentifier'> {
  file: string
}

/** The newest first. A file whose header cannot be read is left out: whoever names it is told what is wrong. */
export async function listSalvages(home: Home): Promise<ListedSalvage[]> {
  const names = await readdir(salvageDirOf(home)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const found: ListedSalvage[] = []
  for (const name of names.filter((name) => name.endsWith('.jsonl')).slice(-listedMax)) {
    const file = await openSalvageFile(join(salvageDirOf(home), name)).catch(() => undefined)
    if (!file) continue
    const { format: _, sequences: __, systemIdentifier: ___, ...header } = file.header
    await file[Symbol.asyncDispose]()
    found.push({ file: name, ...header })
  }
  return found.sort((a, b) => b.at.localeCompare(a.at))
}

/**
 * Without the slot that a primary has, waiting for a primary, and configured to follow one. Not one of them alone says so:
 * a replica that was promoted a moment ago has no slot yet and the old settings, and what we started alone waits again.
 */
async function wasReplica(dataDir: string): Promise<boolean> {
  const [hasSlot, waits] = await Promise.all([
    isThere(join(dataDir, 'pg_replslot', salvageSlotName)),
    isThere(join(dataDir, 'standby.signal')),
  ])
  const settings = await readFile(join(dataDir, 'postgresql.conf'), 'utf8').catch(() => '')
  return !hasSlot && waits && /^primary_conninfo = '.+'/m.test(settings)
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** By an earlier run that was killed before it could say so. */
async function findFinished(
  home: Home,
  { node, shard, timeline, divergedAt }: { node: MapNode; shard: string; timeline: number; divergedAt: string },
): Promise<NodeSalvage | undefined> {
  const found = (await listSalvages(home)).find(
    (file) =>
      file.node === node.id && file.shard === shard && file.timeline === timeline && file.divergedAt === divergedAt,
  )
  if (!found) return undefined
  return { file: join(salvageDirOf(home), found.file), transactions: found.transactions, complete: found.complete }
}
