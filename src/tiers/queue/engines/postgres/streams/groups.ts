// Groups of readers in PostgreSQL: a row for each lane has the group's place in it, and who reads it under which epoch.

import { TenfoldError } from '../../../../../base/errors.ts'
import type { ShardDatabase } from '../../../../database/contract.ts'
import type {
  Entry,
  EntryPayload,
  GroupName,
  HeldLane,
  HoldRequest,
  ReadAnswer,
  StreamEngine,
  StreamPlace,
} from '../../../streams/contract.ts'
import type { KnownStreams } from './known-streams.ts'
import { placeOf, positionOf } from './place.ts'
import { createGroupStatement, placeSql, rewindStatement } from './places.ts'
import {
  advanceStatement,
  claimStatement,
  failedStatement,
  leaveStatement,
  letGoStatement,
  lookStatement,
  readStatement,
  releaseStatement,
  renewStatement,
} from './statements.ts'

type Groups = Pick<StreamEngine, 'hold' | 'read' | 'failed' | 'letGo' | 'leave' | 'release' | 'rewind'>

interface LaneRow {
  partition: number
  epoch: string
}

interface LookRow extends LaneRow {
  is_mine: boolean
  is_free: boolean
  others: number
  is_fresh: boolean
}

interface ReadRow {
  after_xid: string
  after_seq: string
  attempts: number
  xid: string | null
  seq: string
  at: Date
  key: string | null
  body: string
  trace: string | null
}

export function openGroups(shards: () => readonly ShardDatabase[], known: KnownStreams): Groups {
  const shardOf = ({ id }: HeldLane): ShardDatabase => {
    const name = id.slice(0, id.lastIndexOf('/'))
    const shard = shards().find((candidate) => candidate.id === name)
    if (!shard) throw new TenfoldError('unavailable', `lane ${id} is on a shard that the map does not have`)
    return shard
  }

  async function create(shard: ShardDatabase, { stream, group }: GroupName, from: StreamPlace): Promise<void> {
    const { partitions, ring } = await known.on(shard, stream)
    // A position names an entry of one shard; on the others it is the time of that entry that counts.
    const place = placeSql(from, shard.id, ring) ?? placeSql(await timeOf(shards(), stream, from), shard.id, ring)
    if (!place) throw new TenfoldError('bad-input', `no shard has the entry at ${JSON.stringify(from)}`)
    await shard.query(createGroupStatement(place.sql), [stream, group, partitions, place.value])
  }

  /** Asked once a second by everybody who reads, and so it writes only what has changed, and a third of a lease after the last time. */
  async function holdOn(shard: ShardDatabase, request: HoldRequest): Promise<{ lanes: LaneRow[]; surplus: number }> {
    const { stream, group, holder, leaseMs, from } = request
    const values = [stream, group, holder, leaseMs]
    let all = await shard.query<LookRow>(lookStatement, values)
    if (all.length === 0) {
      await create(shard, request, from)
      all = await shard.query<LookRow>(lookStatement, values)
    }
    const { others = 0, is_fresh = false } = all[0] ?? {}
    const mine: LaneRow[] = is_fresh
      ? all.filter(({ is_mine }) => is_mine)
      : await shard.query<LaneRow>(renewStatement, values)
    const share = Math.ceil(all.length / (others + 1))
    if (mine.length < share && all.some(({ is_free }) => is_free))
      mine.push(...(await shard.query<LaneRow>(claimStatement, [...values, share - mine.length])))
    return { lanes: mine, surplus: Math.max(0, mine.length - share) }
  }

  return {
    async hold(request) {
      const { stream, group } = request
      const held = await Promise.all(
        shards().map(async (shard) => {
          const { lanes, surplus } = await holdOn(shard, request)
          const own = lanes.map(({ partition, epoch }) => ({ stream, group, id: `${shard.id}/${partition}`, epoch }))
          return { lanes: own, surplus }
        }),
      )
      return { lanes: held.flatMap(({ lanes }) => lanes), surplus: held.reduce((sum, { surplus }) => sum + surplus, 0) }
    },
    async read(lane, { max, handled }) {
      const shard = shardOf(lane)
      const { ring } = await known.on(shard, lane.stream)
      const rows =
        handled === undefined
          ? await shard.query<ReadRow>(readStatement(ring), [...valuesOf(lane), max])
          : await shard.query<ReadRow>(advanceStatement(ring), [...valuesOf(lane), max, ...pairOf(handled)])
      return answerOf(rows, shard.id)
    },
    async failed(lane, reason) {
      await shardOf(lane).query(failedStatement, [...valuesOf(lane), reason])
    },
    async letGo(lanes) {
      await Promise.all(
        lanes.map(({ lane, handled }) => {
          const place = handled === undefined ? [null, null] : pairOf(handled)
          return shardOf(lane).query(letGoStatement, [...valuesOf(lane), ...place])
        }),
      )
    },
    async leave({ stream, group, holder }) {
      await Promise.all(shards().map((shard) => shard.query(leaveStatement, [stream, group, holder])))
    },
    async release(node) {
      const freed = await Promise.all(shards().map((shard) => shard.query(releaseStatement, [node])))
      return freed.reduce((sum, rows) => sum + rows.length, 0)
    },
    async rewind({ stream, group }, to) {
      const all = shards()
      let moved = 0
      for (const shard of all) {
        const { partitions, ring } = await known.on(shard, stream)
        const place = placeSql(to, shard.id, ring) ?? placeSql(await timeOf(all, stream, to), shard.id, ring)
        if (!place) throw new TenfoldError('bad-input', `no shard has the entry at ${JSON.stringify(to)}`)
        moved += (await shard.query(rewindStatement(place.sql), [stream, group, partitions, place.value])).length
      }
      if (moved === 0) throw new TenfoldError('not-found', `stream ${stream} has no group ${group}`)
    },
  }
}

function valuesOf({ stream, group, id, epoch }: HeldLane): unknown[] {
  return [stream, group, Number(id.slice(id.lastIndexOf('/') + 1)), epoch]
}

function pairOf(position: string): [string, string] {
  const { xid, seq } = placeOf(position)
  return [xid, seq]
}

function answerOf(rows: readonly ReadRow[], shard: string): ReadAnswer | 'lost' {
  const [first] = rows
  if (!first) return 'lost'
  const entries = rows.flatMap(({ xid, seq, at, key, body, trace }): Entry[] =>
    xid === null
      ? []
      : [
          {
            position: positionOf({ xid, seq }, shard),
            at,
            key: key ?? undefined,
            payload: JSON.parse(body) as EntryPayload,
            trace: trace ?? undefined,
          },
        ],
  )
  return { entries, after: positionOf({ xid: first.after_xid, seq: first.after_seq }, shard), failed: first.attempts }
}

/** When the entry of a position was appended, as a place for the lanes of other shards. */
async function timeOf(all: readonly ShardDatabase[], stream: string, place: StreamPlace): Promise<StreamPlace> {
  if (typeof place !== 'object' || !('position' in place)) return place
  const { xid, seq, shard: home } = placeOf(place.position)
  const shard = all.find(({ id }) => id === home)
  const text = 'select at from tenfold.stream_entries where stream = $1 and xid = $2::xid8 and seq = $3'
  const [row] = shard ? await shard.query<{ at: Date }>(text, [stream, xid, seq]) : []
  if (!row) throw new TenfoldError('bad-input', `stream ${stream} has no entry at ${place.position}`)
  return { at: row.at }
}
