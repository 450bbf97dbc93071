// Publishes: sent as they come, without waiting for each other, and answered for when the server has them on its side.
//
// One that has no answer is sent again under the same name, which the server takes once (`duplicateMs`).

import type { Msg, MsgHdrs } from '@nats-io/transport-node'
import { systemClock } from '../../../../base/clock.ts'
import { describeError, TenfoldError } from '../../../../base/errors.ts'
import type { Lanes } from './lanes.ts'
import type { NatsLink } from './link.ts'
import type { Lane, Names } from './names.ts'
import type { JetStreamLimits } from './options.ts'

const tickMs = 50
const pauseMs = 100

export interface Outgoing {
  lane: Lane
  headers: MsgHdrs
  body: string
}

interface Pending {
  subject: string
  outgoing: Outgoing
  reply: string
  until: number
  /** Undefined while it is to be sent. */
  sentAt: number | undefined
  wasSent: boolean
  notBefore: number
  trouble: string | undefined
  resolve(sequence: number): void
  reject(error: unknown): void
}

export class Publishes {
  readonly #link: NatsLink
  readonly #lanes: Lanes
  readonly #names: Names
  readonly #limits: JetStreamLimits
  readonly #inbox: string
  /** By where the answer goes; in the order of publishing. */
  readonly #pending = new Map<string, Pending>()
  #count = 0
  #waiting = 0
  #timer: NodeJS.Timeout | undefined
  #isProbing = false
  #isClosed = false

  constructor(link: NatsLink, lanes: Lanes, names: Names, limits: JetStreamLimits, letter: string) {
    this.#link = link
    this.#lanes = lanes
    this.#names = names
    this.#limits = limits
    this.#inbox = `${link.inbox}${letter}`
    link.listen({
      onUp: () => {
        for (const pending of this.#pending.values()) this.#write(pending)
      },
      onDown: () => {
        for (const pending of this.#pending.values()) pending.sentAt = undefined
      },
    })
  }

  /**
   * Answers their numbers in the stream when all are durable. @throws overloaded; unavailable within `publishMsMax`: those that were
   * sent may be stored all the same.
   */
  async publish(all: readonly Outgoing[]): Promise<number[]> {
    return (await this.settle(all)).map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason
      return outcome.value
    })
  }

  /** The same, with what became of each. @throws overloaded, when none was sent */
  async settle(all: readonly Outgoing[]): Promise<Array<PromiseSettledResult<number>>> {
    const { publishesMax, publishMsMax } = this.#limits
    if (this.#isClosed) throw new TenfoldError('closed', 'the queue is closed')
    if (this.#waiting + all.length > publishesMax)
      throw new TenfoldError(
        'overloaded',
        `${this.#waiting} publishes have no answer yet, the limit is ${publishesMax}`,
      )
    const until = performance.now() + publishMsMax
    this.#waiting += all.length
    try {
      return await Promise.allSettled(all.map((outgoing) => this.#send(outgoing, until)))
    } finally {
      this.#waiting -= all.length
    }
  }

  onMessage(message: Msg): void {
    const pending = this.#pending.get(message.subject)
    if (!pending) return
    const answer = message.string()
    // To a second try a leader says `duplicate` with number 0 while it has not agreed with the others on the first: not stored yet.
    const [, sequence] = /"seq":\s?([1-9]\d*)/.exec(answer) ?? []
    // Nobody has the stream: it is being led anew, or is not there.
    if (message.headers?.code === 503) this.#postpone(pending, 'no server leads the stream', true)
    else if (sequence === undefined || answer.includes('"error"'))
      this.#postpone(pending, describeAnswer(answer), false)
    else {
      this.#pending.delete(pending.reply)
      pending.resolve(Number(sequence))
    }
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    for (const pending of this.#pending.values()) pending.reject(new TenfoldError('closed', 'the queue is closed'))
    this.#pending.clear()
  }

  #send(outgoing: Outgoing, until: number): Promise<number> {
    if (this.#lanes.isKnown(outgoing.lane)) return this.#start(outgoing, until)
    return this.#makeLane(outgoing.lane, until).then(() => this.#start(outgoing, until))
  }

  async #makeLane(lane: Lane, until: number): Promise<void> {
    for (;;) {
      try {
        return await this.#lanes.ensure(lane)
      } catch (error) {
        const leftMs = until - performance.now()
        if (leftMs <= pauseMs)
          throw new TenfoldError('unavailable', `a job could not be published: ${describeError(error)}`, {
            cause: error,
            details: { mayBeStored: false },
          })
        await systemClock.sleep(pauseMs)
        await this.#link.whenUp(leftMs - pauseMs)
      }
    }
  }

  #start(outgoing: Outgoing, until: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const pending: Pending = {
      subject: this.#names.subjectOf(outgoing.lane),
      outgoing,
      reply: `${this.#inbox}${(this.#count++).toString(36)}`,
      until,
      sentAt: undefined,
      wasSent: false,
      notBefore: 0,
      trouble: undefined,
      resolve,
      reject,
    }
    this.#pending.set(pending.reply, pending)
    this.#write(pending)
    this.#timer ??= setInterval(() => this.#tick(), tickMs)
    return promise
  }

  #write(pending: Pending): void {
    if (!this.#link.isUp || this.#isClosed) return
    const { subject, outgoing, reply } = pending
    pending.sentAt = performance.now()
    pending.wasSent = true
    try {
      this.#link.connection.publish(subject, outgoing.body, { headers: outgoing.headers, reply })
    } catch (error) {
      this.#fail(pending, describeError(error))
    }
  }

  #postpone(pending: Pending, trouble: string, isGone: boolean): void {
    pending.trouble = trouble
    pending.sentAt = undefined
    pending.notBefore = performance.now() + pauseMs
    if (isGone) this.#lanes.forget(pending.outgoing.lane)
  }

  #tick(): void {
    const now = performance.now()
    let isLate = false
    for (const pending of this.#pending.values()) {
      if (now >= pending.until) this.#fail(pending, pending.trouble ?? (this.#link.isUp ? 'no answer' : 'no server'))
      else if (pending.sentAt === undefined) {
        if (now >= pending.notBefore && this.#link.isUp) void this.#sendAnew(pending)
      } else if (now - pending.sentAt >= this.#limits.republishMs) isLate = true
    }
    if (isLate && !this.#isProbing && this.#link.isUp) void this.#probe()
    if (this.#pending.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #sendAnew(pending: Pending): Promise<void> {
    pending.sentAt = performance.now()
    try {
      await this.#lanes.ensure(pending.outgoing.lane)
      if (this.#pending.has(pending.reply)) this.#write(pending)
    } catch (error) {
      this.#postpone(pending, describeError(error), false)
    }
  }

  /** The server answers in order: whatever it had before this and has not answered since is lost on the way behind it. */
  async #probe(): Promise<void> {
    this.#isProbing = true
    const askedAt = performance.now()
    try {
      await this.#link.connection.flush()
      for (const pending of this.#pending.values())
        if (pending.sentAt !== undefined && askedAt - pending.sentAt >= this.#limits.republishMs) this.#write(pending)
    } catch {
      // The connection is lost, which is told to us.
    } finally {
      this.#isProbing = false
    }
  }

  #fail(pending: Pending, reason: string): void {
    this.#pending.delete(pending.reply)
    const { publishMsMax } = this.#limits
    const rest = pending.wasSent ? '; it may be stored all the same' : ''
    pending.reject(
      new TenfoldError('unavailable', `a job could not be published within ${publishMsMax} ms: ${reason}${rest}`, {
        details: { mayBeStored: pending.wasSent },
      }),
    )
  }
}

function describeAnswer(text: string): string {
  const [, description] = /"description":\s?"([^"]*)"/.exec(text) ?? []
  return description ?? text.slice(0, 200)
}
