// Streams over JetStream: appended to PostgreSQL, as on every rung, and read from the servers that they are carried to.
//
// The log in PostgreSQL is the one that counts: in it stand the order, the transactions and the places of the groups. JetStream
// has a copy, so that many groups read without asking the database for every entry. A reader takes from the copy only what
// follows its place without a gap (message.ts), and reads PostgreSQL where there is one; so that no entry is skipped or lost
// whatever the servers forget, and nothing has to be moved when a system climbs to them or comes back.

import { randomUUID } from 'node:crypto'
import type { BaseLogger } from 'pino'
import { systemClock } from '../../../../../base/clock.ts'
import type { HeldLane, ReadRequest, StreamEngine } from '../../../streams/contract.ts'
import { loadJetStreamClient } from '../client.ts'
import { NatsLink } from '../link.ts'
import { defaultPrefix, type JetStreamServers, jetStreamLimits } from '../options.ts'
import { Feed } from './feed.ts'
import { StreamNames } from './names.ts'
import { streamLimits } from './options.ts'
import { Relay } from './relay.ts'

export interface JetStreamStreamsOptions extends JetStreamServers {
  /** The engine inside PostgreSQL. */
  postgres: StreamEngine
  /** Servers that keep each message: as many as there are, 1 or 3. */
  replicas: 1 | 3
  /** This process's id in the map. */
  node: string
  log: Pick<BaseLogger, 'info' | 'warn' | 'error'>
  prefix?: string
}

interface Followed {
  stream: string
  feed: Feed
  /** Since when something has been appended that was not given yet, as far as is known. */
  heardAt: number | undefined
  /** Where the lane stands. */
  place: string
  lookedAt: number
  /** What was read last came from there: there may be more. */
  isInDatabase: boolean
  /** Something was given, and not said to be handled. */
  isGiven: boolean
}

/** Resolves whether a server answers or not: until one does, PostgreSQL is read. @throws program-missing without the client */
export async function openJetStreamStreams(options: JetStreamStreamsOptions): Promise<StreamEngine> {
  const { servers, username, password, postgres, replicas, node, log, prefix = defaultPrefix } = options
  const api = await loadJetStreamClient()
  const link = await NatsLink.open({ servers, username, password, log, limits: jetStreamLimits })
  const names = new StreamNames(prefix)
  const followed = new Map<string, Followed>()
  const hints = new Set<(stream: string) => void>()
  const keepMsOf = async (stream: string) => (await postgres.define(stream, {})).keepMs
  const holder = `${node}#${randomUUID()}`
  const relay = new Relay({ link, api, names, source: postgres, holder, replicas, keepMsOf, log })

  function follow(lane: HeldLane, place: string): Followed {
    const { stream, id } = lane
    const arrived = () => {
      for (const hint of hints) hint(stream)
    }
    const at = { stream: names.streamOf(stream), subject: names.subjectOf(stream, id), position: place }
    const feed = new Feed({ link, api }, at, arrived)
    return { stream, feed, heardAt: undefined, place, lookedAt: 0, isInDatabase: true, isGiven: false }
  }

  function forget(name: string): void {
    followed.get(name)?.feed.close()
    followed.delete(name)
  }

  function forgetIdle(): void {
    const since = systemClock.monotonic() - streamLimits.idleMs
    for (const [name, { feed }] of followed) if (feed.readAt < since) forget(name)
  }

  async function read(lane: HeldLane, request: ReadRequest): ReturnType<StreamEngine['read']> {
    const name = nameOf(lane)
    const known = followed.get(name)
    const answer = known ? await readFollowed(known, lane, request) : await postgres.read(lane, request)
    if (answer === 'lost') {
      forget(name)
      return 'lost'
    }
    const following = known ?? follow(lane, answer.after)
    if (!known) followed.set(name, following)
    following.isGiven = answer.entries.length > 0
    if (following.isGiven) following.heardAt = undefined
    return answer
  }

  async function readFollowed(known: Followed, lane: HeldLane, request: ReadRequest): ReturnType<StreamEngine['read']> {
    known.place = request.handled ?? known.place
    const state = link.isUp ? known.feed.state(known.place) : 'gap'
    // What is asked for again has failed, and was taken out of the feed.
    const isAgain = known.isGiven && request.handled === undefined
    const now = systemClock.monotonic()
    const isOverdue = now - known.lookedAt >= streamLimits.lookMs
    const isLate = known.heardAt !== undefined && now - known.heardAt >= streamLimits.patienceMs
    const looksAgain = known.isInDatabase || isOverdue || isLate
    const looks = isAgain || state === 'gap' || (state === 'empty' && looksAgain)
    if (state === 'empty' && !looks && request.handled === undefined)
      return { entries: [], after: known.place, failed: 0 }
    // The lane must still be ours, whoever the entries come from; the place is that of the database.
    const answer = await postgres.read(lane, looks ? request : { ...request, max: 0 })
    if (answer === 'lost') return 'lost'
    known.place = answer.after
    if (looks) {
      known.lookedAt = now
      known.heardAt = undefined
      known.isInDatabase = answer.entries.length > 0
      return answer
    }
    const isReady = known.feed.state(answer.after) === 'ready'
    return isReady ? { ...answer, entries: known.feed.next(answer.after, request.max) } : answer
  }

  return {
    ...postgres,
    async hold(request) {
      relay.add(request.stream)
      forgetIdle()
      return postgres.hold(request)
    },
    read,
    async letGo(lanes) {
      for (const { lane } of lanes) forget(nameOf(lane))
      await postgres.letGo(lanes)
    },
    watch(hint) {
      hints.add(hint)
      relay.start()
      const heard = postgres.watch((stream) => {
        const now = systemClock.monotonic()
        for (const one of followed.values()) if (one.stream === stream) one.heardAt ??= now
        hint(stream)
      })
      return {
        async close() {
          hints.delete(hint)
          await heard.close()
          if (hints.size === 0) await relay.stop()
        },
      }
    },
    async close() {
      hints.clear()
      await relay.stop()
      for (const name of followed.keys()) forget(name)
      await link.close()
      await postgres.close()
    },
  }
}

function nameOf({ stream, group, id, epoch }: HeldLane): string {
  return `${stream}/${group}/${id}/${epoch}`
}
