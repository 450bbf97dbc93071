// The queue on a JetStream server or cluster: jobs are messages of one work-queue stream, a lane of a queue is a consumer of it.
//
// What JetStream cannot do waits in PostgreSQL, and is relayed from there: jobs of a transaction, delayed ones, and those with
// a deduplication id. Jobs with a key stay there (keyed-jobs.ts). Dead jobs, notes of failures and cancels are kept there too.

import { randomUUID } from 'node:crypto'
import type { JobState, NewJob, Published, QueueDepth, QueueEngine, TakenJob, TakeRequest } from '../../contract.ts'
import { PublishBatch } from '../../publish-batch.ts'
import { Acknowledgements, words } from './acknowledgements.ts'
import type { Delivery } from './deliveries.ts'
import { depthOf } from './depth.ts'
import { isReply } from './inbox.ts'
import { jobIdOf, MessageNames } from './job-id.ts'
import { byPlace, KeyedJobs } from './keyed-jobs.ts'
import { Lanes, slackMs } from './lanes.ts'
import { type Lease, Leases } from './leases.ts'
import { Lines } from './lines.ts'
import { NatsLink } from './link.ts'
import { Lookup } from './lookup.ts'
import { Mender } from './mender.ts'
import { type Past, readMessage, writeHeaders } from './message.ts'
import { laneFor, Names } from './names.ts'
import { failuresMax, type KeptNote, Notes } from './notes.ts'
import { defaultPrefix, type JetStreamLimits, type JetStreamQueueOptions, jetStreamLimits } from './options.ts'
import { freeUnique } from './outbox.ts'
import { type Outgoing, Publishes } from './publishes.ts'
import { Relay } from './relay.ts'

/** A worker without a hand free keeps what a standing pull brought from the others for no longer than that. */
const keptMsMax = 500

/** Letters of our inbox: whose answer it is. */
const letters = { acknowledgement: 'a', publish: 'p', lane: 'l' }

/** Resolves when the servers were tried once: that none answers is no error, then and later. @throws program-missing, bad-input */
export async function openJetStreamQueue(options: JetStreamQueueOptions): Promise<JetStreamQueue> {
  const limits = { ...jetStreamLimits, ...options.limits }
  const { servers, username, password, log } = options
  const link = await NatsLink.open({ servers, username, password, log, limits })
  return new JetStreamQueue(link, options, limits)
}

export class JetStreamQueue implements QueueEngine {
  readonly pipelines = true
  readonly #link: NatsLink
  readonly #options: JetStreamQueueOptions
  readonly #limits: JetStreamLimits
  readonly #names: Names
  readonly #messageNames = new MessageNames()
  readonly #lanes: Lanes
  readonly #lines: Lines
  readonly #publishes: Publishes
  readonly #acknowledgements: Acknowledgements
  readonly #leases: Leases
  readonly #notes: Notes
  readonly #lookup: Lookup
  readonly #outbox: PublishBatch
  readonly #keyed: KeyedJobs
  readonly #hints = new Set<(queue: string) => void>()
  #heard: { close(): Promise<void> } | undefined
  #relay: Relay | undefined
  #relayHolder = `${randomUUID()} relays`
  #returning: NodeJS.Timeout | undefined

  constructor(link: NatsLink, options: JetStreamQueueOptions, limits: JetStreamLimits) {
    const { prefix = defaultPrefix, replicas, shards, log } = options
    this.#link = link
    this.#options = options
    this.#limits = limits
    this.#names = new Names(prefix)
    this.#lanes = new Lanes(link, this.#names, { replicas, limits })
    this.#lines = new Lines(link, this.#lanes, this.#names, {
      letter: letters.lane,
      hint: (queue) => this.#hint(queue),
      onKept: () => this.#returnLater(),
    })
    this.#publishes = new Publishes(link, this.#lanes, this.#names, limits, letters.publish)
    this.#acknowledgements = new Acknowledgements(link, letters.acknowledgement)
    this.#leases = new Leases((lease, isLate) => this.#endLease(lease, isLate))
    this.#notes = new Notes(shards, log)
    this.#lookup = new Lookup(link, this.#names)
    this.#outbox = new PublishBatch(options.postgres)
    this.#keyed = new KeyedJobs(options.postgres, (queue) => this.#hint(queue))
    link.listen({
      onMessage: (message) => {
        if (this.#lines.onMessage(message)) return
        if (message.subject[link.inbox.length] === letters.publish) this.#publishes.onMessage(message)
        else this.#acknowledgements.onMessage(message)
      },
    })
  }

  /** Of the server, once one was reached: what it can promise depends on it. */
  get serverVersion(): string | undefined {
    return this.#link.version
  }

  /** Of a cluster: the name of the server that leads the stream. @throws unavailable */
  streamLeader(): Promise<string | undefined> {
    return this.#lanes.leader()
  }

  async publish(jobs: readonly NewJob[]): Promise<Published[]> {
    const answers: Published[] = new Array(jobs.length)
    const direct: number[] = []
    const outbox: number[] = []
    for (const [i, job] of jobs.entries()) (needsPostgres(job) ? outbox : direct).push(i)
    const names = direct.map(() => this.#messageNames.next())
    const outgoing = direct.map((i, at) => this.#outgoing(jobs[i] as NewJob, names[at] as string))
    const [sequences, published] = await Promise.all([
      this.#publishes.publish(outgoing),
      this.#publishToOutbox(outbox.map((i) => jobs[i] as NewJob)),
    ])
    for (const [at, i] of direct.entries())
      answers[i] = { id: jobIdOf(names[at] as string, sequences[at] as number), isNew: true }
    for (const [at, i] of outbox.entries()) answers[i] = published[at] as Published
    return answers
  }

  publishIn: QueueEngine['publishIn'] = (tx, jobs) => this.#options.postgres.publishIn(tx, jobs)

  take(request: TakeRequest): Promise<TakenJob[]> {
    return this.#keyed.takeBeside(request, (others) => this.#takeFromServers(others))
  }

  async #takeFromServers({ queue, max, leaseMs, holder }: TakeRequest): Promise<TakenJob[]> {
    void this.#link.connection
    const line = await this.#lines.of(queue)
    const lanes = await this.#lanes.of(queue)
    const shortestMs = Math.min(...(await Promise.all(lanes.map((lane) => this.#lanes.ackMsFor(lane, leaseMs)))))
    const deliveries = await line.take(max, performance.now() - shortestMs + slackMs)
    const taken = await this.#lease(deliveries, { leaseMs, holder })
    if (deliveries.length < max && this.#hints.size > 0 && this.#link.isUp) line.stand()
    return taken
  }

  placeOf: QueueEngine['placeOf'] = (job) => (isReply(job.home) ? 'nats' : this.#options.postgres.placeOf(job))

  async renew(jobs: readonly TakenJob[], leaseMs: number): ReturnType<QueueEngine['renew']> {
    const { inPostgres, onServers } = byPlace(jobs)
    const answers = await Promise.all([
      inPostgres.length > 0 ? this.#options.postgres.renew(inPostgres, leaseMs) : [],
      onServers.length > 0 ? this.#renewOnServers(onServers, leaseMs) : [],
    ])
    return answers.flat()
  }

  async #renewOnServers(jobs: readonly TakenJob[], leaseMs: number): ReturnType<QueueEngine['renew']> {
    const held = jobs.flatMap((job) => this.#leases.of(job.home) ?? [])
    const askedAt = performance.now()
    await Promise.all(held.map(({ delivery }) => this.#lanes.ackMsFor(delivery.lane, leaseMs)))
    const [canceled] = await Promise.all([
      this.#options.ledger.cancels.among(held.map(({ id }) => id)).catch((): string[] => []),
      this.#say(held, words.working),
    ])
    for (const lease of held) lease.until = askedAt + leaseMs
    return jobs.flatMap((job): Array<{ job: TakenJob; why: 'lost' | 'canceled' }> => {
      if (!this.#leases.of(job.home)) return [{ job, why: 'lost' }]
      return canceled.includes(job.id) ? [{ job, why: 'canceled' }] : []
    })
  }

  async done(jobs: readonly TakenJob[]): Promise<void> {
    const { inPostgres, onServers } = byPlace(jobs)
    const held = onServers.flatMap((job) => this.#leases.of(job.home) ?? [])
    await Promise.all([this.#keyed.done(inPostgres), this.#finish(held, words.done)])
  }

  async retry(job: TakenJob, delayMs: number, reason: string, refund = false): Promise<void> {
    if (!isReply(job.home)) return this.#keyed.retry(job, delayMs, reason, refund)
    const lease = this.#leases.of(job.home)
    if (!lease) return
    const { id, queue, attempt, holder, delivery } = lease
    const failure = refund ? undefined : { attempt, at: new Date(), reason, holder }
    await this.#notes.write({ id, queue, deliveries: delivery.count, refunds: refund ? 1 : 0, delayMs, failure })
    await this.#say([lease], words.back(delayMs))
    this.#leases.delete(delivery.reply)
  }

  async dead(job: TakenJob, reason: string): Promise<void> {
    if (!isReply(job.home)) return this.#keyed.dead(job, reason)
    const lease = this.#leases.of(job.home)
    if (!lease) return
    const { id, queue, payload, attempt, publishedAt, key, priority, trace } = job
    const before = (await this.#notes.read([id]))?.get(id)?.failures ?? []
    const diedAt = new Date()
    const failures = [...before, { attempt, at: diedAt, reason, holder: lease.holder }].slice(-failuresMax)
    const letter = { id, queue, payload, attempt, publishedAt, diedAt, reason, key, priority, trace, failures }
    await this.#options.ledger.deadLetters.bury([letter])
    await this.#finish([lease], words.dead)
  }

  /** What it held in PostgreSQL, and its relay, is free at once; the servers end leases by themselves. */
  async release(holder: string): Promise<number> {
    this.#relayHolder = `${holder} relays`
    const { postgres } = this.#options
    const [held] = await Promise.all([postgres.release(holder), postgres.release(this.#relayHolder)])
    return held
  }

  async cancel(queue: string, id: string): Promise<'canceled' | 'asked' | 'unknown'> {
    const waiting = await this.#options.postgres.cancel(queue, id).catch(() => 'unknown' as const)
    if (waiting === 'canceled') return waiting
    const found = waiting === 'asked' ? 'anywhere' : await this.#lookup.find(queue, id)
    // Its id does not say where it lies, or it may be on its way there: whoever takes it will be told.
    if (found === 'anywhere') {
      await this.#options.ledger.cancels.ask(id)
      return 'asked'
    }
    if (!found) return 'unknown'
    const wasHandedOut = found.sequence <= (await this.#lookup.handedOutUpTo(found.lane))
    if (wasHandedOut) await this.#options.ledger.cancels.ask(id)
    if (!(await this.#lookup.delete(found))) return 'unknown'
    return wasHandedOut ? 'asked' : 'canceled'
  }

  async job(queue: string, id: string): Promise<JobState | undefined> {
    const waiting = await this.#options.postgres.job(queue, id)
    if (waiting) return waiting
    const found = await this.#lookup.find(queue, id)
    if (!found || found === 'anywhere') return undefined
    const [notes, handedOut] = await Promise.all([this.#notes.read([id]), this.#lookup.handedOutUpTo(found.lane)])
    return this.#lookup.state(found, notes?.get(id), found.sequence <= handedOut)
  }

  async depth(): Promise<QueueDepth[]> {
    const [inPostgres, delayed] = await Promise.all([this.#options.postgres.depth(), this.#notes.delayed()])
    return depthOf(
      { link: this.#link, lanes: this.#lanes, names: this.#names, lookup: this.#lookup },
      inPostgres,
      delayed,
    )
  }

  /** Whoever watches works, and relays. */
  watch(hint: (queue: string) => void): { close(): Promise<void> } {
    this.#hints.add(hint)
    this.#relay ??= this.#newRelay()
    this.#relay.start()
    this.#heard ??= this.#options.postgres.watch((queue) => {
      this.#keyed.hint(queue)
      this.#hint(queue)
    })
    return {
      close: async () => {
        this.#hints.delete(hint)
        if (this.#hints.size > 0) return
        await this.#stopHearing()
      },
    }
  }

  async close(): Promise<void> {
    await this.#stopHearing()
    clearTimeout(this.#returning)
    this.#hints.clear()
    this.#publishes.close()
    this.#lanes.close()
    this.#leases.close()
    await this.#link.close()
  }

  /** There, single ones are gathered. */
  async #publishToOutbox(jobs: readonly NewJob[]): Promise<Published[]> {
    const [only, ...others] = jobs
    if (!only) return []
    const published = others.length === 0 ? [await this.#outbox.add(only)] : await this.#options.postgres.publish(jobs)
    for (const { queue, options } of jobs) if (options.key !== undefined) this.#keyed.hint(queue)
    return published
  }

  async #stopHearing(): Promise<void> {
    const heard = this.#heard
    this.#heard = undefined
    await Promise.all([heard?.close(), this.#relay?.stop()])
    await this.#returnKept()
  }

  #newRelay(): Relay {
    const { postgres, shards, log } = this.#options
    const mender = new Mender({
      ...{ lookup: this.#lookup, notes: this.#notes, log },
      laneStates: () => this.#lanes.states(),
      publish: (...job) => this.#publishes.publish([this.#outgoing(...job)]),
    })
    return new Relay({
      ...{ postgres, shards, log, limits: this.#limits, isUp: () => this.#link.isUp },
      holder: () => this.#relayHolder,
      look: () => mender.look(),
      sweep: () => this.#notes.sweep(),
      publish: (jobs) => this.#publishes.settle(jobs.map(({ job, past }) => this.#outgoing(job, past.id, past))),
    })
  }

  #outgoing(job: NewJob, name: string, past?: Past): Outgoing {
    const { queue, body, options } = job
    const headers = writeHeaders(this.#link.headers(), name, job, past)
    return { lane: laneFor(queue, options.priority), headers, body }
  }

  async #lease(
    deliveries: readonly Delivery[],
    { leaseMs, holder }: { leaseMs: number; holder: string },
  ): Promise<TakenJob[]> {
    const read = deliveries.flatMap((delivery) => {
      const written = readMessage(delivery.message)
      if (written) return [{ delivery, written, id: jobIdOf(written.name, delivery.sequence) }]
      this.#options.log.warn({ subject: delivery.message.subject }, 'a message that is no job was dropped')
      this.#acknowledgements.hint({ reply: delivery.reply, text: words.dead })
      return []
    })
    const again = read.filter(({ delivery }) => delivery.count > 1).map(({ id }) => id)
    const notes = await this.#notes.read(again)
    return read.map(({ delivery, written, id }) => {
      const { payload, trace, publishedAt, attempts, uniqueAt } = written
      const { queue } = delivery.lane
      const note = notes?.get(id)
      const attempt = attempts + delivery.count - (note?.refunds ?? 0)
      const hasNote = delivery.count > 1
      const lease = { delivery, id, queue, attempt, holder, hasNote, uniqueAt, until: delivery.since + leaseMs }
      this.#leases.add(lease)
      return {
        ...{ id, home: delivery.reply, queue, payload, attempt, publishedAt, trace },
        key: undefined,
        priority: written.priority,
        isSuspect: notes !== undefined && endedWithoutWord(delivery, note),
      }
    })
  }

  async #finish(held: readonly Lease[], text: string): Promise<void> {
    if (held.length === 0) return
    // First: were it to come after and not be done, nobody could ever use the id again.
    await freeUnique(this.#options.shards(), held)
    await this.#say(held, text)
    for (const { delivery } of held) this.#leases.delete(delivery.reply)
    const noted = held.filter(({ hasNote }) => hasNote).map(({ id }) => id)
    if (noted.length > 0) void this.#notes.drop(noted)
  }

  #say(held: readonly Lease[], text: string): Promise<void> {
    return this.#acknowledgements.say(
      held.map(({ delivery: { lane, reply } }) => ({ lane, reply, text })),
      { msMax: this.#limits.publishMsMax, isOurs: ({ reply }) => this.#leases.of(reply) !== undefined },
    )
  }

  #endLease({ delivery }: Lease, isLate: boolean): void {
    if (!isLate) this.#acknowledgements.hint({ reply: delivery.reply, text: words.back(0) })
  }

  #returnLater(): void {
    this.#returning ??= setTimeout(() => {
      this.#returning = undefined
      void this.#returnKept(performance.now() - keptMsMax)
      if (this.#lines.hasKept) this.#returnLater()
    }, keptMsMax).unref()
  }

  /** What a standing pull brought before `since` and nobody took is for others, and was no attempt. */
  async #returnKept(since = Number.POSITIVE_INFINITY): Promise<void> {
    const kept = [...this.#lines.all()].flatMap((line) => line.takeLeft(since))
    await Promise.all(
      kept.map(async ({ lane, message, count, sequence, reply, since }) => {
        const written = readMessage(message)
        const id = written && jobIdOf(written.name, sequence)
        const note = { queue: lane.queue, deliveries: count, refunds: 1, delayMs: 0, failure: undefined }
        if (id !== undefined) await this.#notes.write({ id, ...note })
        // Later than that it is somebody else's, and he would be taken for the one who hands it back.
        const isOurs = performance.now() - since < this.#lanes.ackMsLeast(lane) - slackMs / 2
        if (isOurs) this.#acknowledgements.hint({ reply, text: words.back(0) })
      }),
    )
    if (kept.length > 0 && this.#link.isUp) await this.#link.connection.flush().catch(() => {})
  }

  #hint(queue: string): void {
    for (const hint of this.#hints) hint(queue)
  }
}

function needsPostgres({ options }: NewJob): boolean {
  return options.key !== undefined || (options.delayMs ?? 0) > 0 || options.deduplicationId !== undefined
}

/** Every attempt that ended in order left a note. */
function endedWithoutWord({ count }: Delivery, note: KeptNote | undefined): boolean {
  return count > 1 && note?.deliveries !== count - 1
}
