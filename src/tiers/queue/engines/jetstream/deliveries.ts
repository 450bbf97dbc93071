// Pulls at one lane, and what they bring.
//
// Two kinds. A short pull brings what is there now and nothing else. A standing pull waits at the server for the next job, so
// that an idle worker has it at once without asking all the time; what it brings waits here until somebody takes it.
//
// The trap (nats.node#570, #649): a server that was started anew, or another one that leads now, knows nothing of a pull that
// stood, and nobody says so. So each pull ends by our own clock too: a short one after `shortMsMax`, a standing one with the
// connection, or when the server's heartbeat is missing.

import type { Msg } from '@nats-io/transport-node'
import type { NatsLink } from './link.ts'
import { consumerOf, type Lane, type Names } from './names.ts'

const nanosInMs = 1_000_000
const standMs = 30_000
const heartbeatMs = 2500
/** Without a sign of the server for so long, a pull does not stand any more. */
const silentMsMax = 2 * heartbeatMs + 1000
/** A short pull is answered at once by a lane that has a leader. */
const shortMsMax = 1000
/** One that did not answer is not waited for again before that, unless it is heard of. */
const silenceMs = 5000
/** Of one answer. A server cuts off who does not read what it sends (max_pending, 64 MB unless it says otherwise). */
const pullBytesMax = 8 * 1024 * 1024

/** A message in our hands, leased to us by the server. */
export interface Delivery {
  lane: Lane
  message: Msg
  /** Where the server wants to hear of it. */
  reply: string
  sequence: number
  /** How often it was handed out, this time included. */
  count: number
  /**
   * By our own clock, not later than the server began to count its lease. What a standing pull brought counts from when it came:
   * later by its way here, which slackMs (lanes.ts) makes up for.
   */
  since: number
}

interface Pull {
  name: string
  wanted: number
  got: Delivery[]
  sentAt: number
  finish(): void
}

export class LaneDeliveries {
  readonly lane: Lane
  readonly #link: NatsLink
  readonly #subject: string
  readonly #inbox: string
  /** A pull has no answer: servers say nothing of a consumer that is not there. */
  readonly #onSilent: () => void
  /** What came without anybody waiting for it. */
  readonly #kept: Delivery[] = []
  #silentSince: number | undefined
  #pulls = 0
  #short: Pull | undefined
  #standing: { name: string; heardAt: number; endsAt: number } | undefined

  constructor(link: NatsLink, names: Names, lane: Lane, { inbox, onSilent }: { inbox: string; onSilent(): void }) {
    this.#onSilent = onSilent
    this.#link = link
    this.lane = lane
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${names.stream}.${consumerOf(lane)}`
    this.#inbox = inbox
  }

  /** A pull stands: there is nothing to take. */
  get stands(): boolean {
    const { heardAt, endsAt } = this.#standing ?? { heardAt: 0, endsAt: 0 }
    const now = performance.now()
    return now < endsAt && now - heardAt < silentMsMax
  }

  /** It did not answer a moment ago, as while its servers choose a leader. */
  get isSilent(): boolean {
    return this.#silentSince !== undefined && performance.now() - this.#silentSince < silenceMs
  }

  /** Something came that nobody took yet. */
  get keeps(): boolean {
    return this.#kept.length > 0
  }

  /** What came already; `notBefore`: older ones were handed to somebody else by now. */
  takeKept(max: number, notBefore: number): Delivery[] {
    const live = this.#kept.splice(0).filter(({ since }) => since > notBefore)
    const taken = live.splice(0, max)
    this.#kept.push(...live)
    return taken
  }

  /** What came before `since` and was not taken. */
  takeLeft(since: number): Delivery[] {
    const all = this.#kept.splice(0)
    this.#kept.push(...all.filter((delivery) => delivery.since >= since))
    return all.filter((delivery) => delivery.since < since)
  }

  /** Up to `max` of what is there now. One call at a time. @throws unavailable */
  async pull(max: number): Promise<Delivery[]> {
    const ended = Promise.withResolvers<void>()
    const pull: Pull = {
      name: `${this.#inbox}${(this.#pulls++).toString(36)}`,
      wanted: max,
      got: [],
      sentAt: performance.now(),
      finish: ended.resolve,
    }
    this.#send(pull.name, { batch: max, no_wait: true, max_bytes: pullBytesMax })
    this.#short = pull
    const timer = setTimeout(() => {
      this.#silentSince = performance.now()
      pull.finish()
      this.#onSilent()
    }, shortMsMax)
    await ended.promise
    clearTimeout(timer)
    this.#short = undefined
    return pull.got
  }

  /** @throws unavailable */
  stand(): void {
    const name = `${this.#inbox}${(this.#pulls++).toString(36)}`
    this.#send(name, { batch: 1, expires: standMs * nanosInMs, idle_heartbeat: heartbeatMs * nanosInMs })
    const now = performance.now()
    this.#standing = { name, heardAt: now, endsAt: now + standMs }
  }

  /** The connection is lost: whatever waits at the server is gone. */
  drop(): void {
    this.#standing = undefined
    this.#silentSince = undefined
    this.#short?.finish()
  }

  /** True when nobody waited for it. */
  onMessage(delivery: Omit<Delivery, 'since' | 'lane'>): boolean {
    const now = performance.now()
    this.#silentSince = undefined
    const short = this.#short
    if (short && short.got.length < short.wanted) {
      short.got.push({ ...delivery, lane: this.lane, since: short.sentAt })
      if (short.got.length === short.wanted) short.finish()
      return false
    }
    this.#standing = undefined
    this.#kept.push({ ...delivery, lane: this.lane, since: now })
    return true
  }

  /** Of the pull of this name. 'gone': the server has no such lane. */
  onStatus(name: string, code: number, description: string): 'gone' | undefined {
    if (code !== 503) this.#silentSince = undefined
    if (this.#standing?.name === name) {
      this.#standing.heardAt = performance.now()
      if (code !== 100) this.#standing = undefined
    }
    if (this.#short?.name === name && code !== 100) this.#short.finish()
    return code === 503 || /consumer (deleted|not found)/i.test(description) ? 'gone' : undefined
  }

  #send(reply: string, pull: Record<string, unknown>): void {
    this.#link.connection.publish(this.#subject, JSON.stringify(pull), { reply })
  }
}
