// The stream and its lanes: made when somebody needs them, by whoever does, any number at the same time.
//
// Whoever publishes to a lane makes its consumer first and tells all processes; who missed that finds it by looking at the
// list now and then. Consumers are made for lanes that are used only: on a cluster each one is a group of servers that agree.

import type { ConsumerConfig, StreamConfig } from '@nats-io/jetstream'
import type { Msg, Subscription } from '@nats-io/transport-node'
import { describeError, TenfoldError } from '../../../../base/errors.ts'
import type { NatsLink } from './link.ts'
import type { LaneState } from './mender.ts'
import { consumerOf, type Lane, laneOfConsumer, type Names } from './names.ts'
import type { JetStreamLimits } from './options.ts'

const nanosInMs = 1_000_000
/** The server waits so much longer for a word than a lease is: by then whoever had the job has handed it back, if it lives. */
export const slackMs = 1000
/** Pulls that wait at one lane: one for each process that has nothing to do. */
const waitingMax = 2048

interface Known {
  lane: Lane
  /** After so long without a word the server hands a job out again; undefined until somebody asked. */
  ackMs: number | undefined
}

export class Lanes {
  readonly #link: NatsLink
  readonly #names: Names
  readonly #replicas: number
  readonly #limits: JetStreamLimits
  readonly #known = new Map<string, Known>()
  readonly #byQueue = new Map<string, Lane[]>()
  readonly #making = new Map<string, Promise<void>>()
  readonly #verifying = new Set<string>()
  readonly #onNew = new Set<(lane: Lane) => void>()
  readonly #unlisten: () => void
  #stream: Promise<void> | undefined
  #looking: Promise<void> | undefined
  #lookedAt = Number.NEGATIVE_INFINITY
  #told: Subscription | undefined

  constructor(link: NatsLink, names: Names, { replicas, limits }: { replicas: number; limits: JetStreamLimits }) {
    this.#link = link
    this.#names = names
    this.#replicas = replicas
    this.#limits = limits
    this.#unlisten = link.listen({
      onUp: (connection) => {
        // The client subscribes again by itself, as long as the connection is the same to it.
        if (this.#told?.isClosed() === false) return
        this.#told = connection.subscribe(names.newLanes, {
          callback: (error, message) => {
            if (!error) this.#hear(message)
          },
        })
      },
      onDown: () => {
        this.#stream = undefined
        this.#lookedAt = Number.NEGATIVE_INFINITY
      },
    })
  }

  isKnown(lane: Lane): boolean {
    return this.#known.has(consumerOf(lane))
  }

  /** Those of a queue, as far as they are known. Looks for more when that was long ago. @throws unavailable */
  async of(queue: string): Promise<readonly Lane[]> {
    if (performance.now() - this.#lookedAt > this.#limits.lanesMs) {
      const looking = this.look()
      // Servers that are slow to say what there is keep nobody from what is known.
      if ((this.#byQueue.get(queue)?.length ?? 0) > 0) looking.catch(() => {})
      else await looking
    }
    return this.#byQueue.get(queue) ?? []
  }

  /** All that are there. @throws unavailable */
  async all(): Promise<Lane[]> {
    await this.look()
    return [...this.#known.values()].map(({ lane }) => lane)
  }

  onNew(listener: (lane: Lane) => void): () => void {
    this.#onNew.add(listener)
    return () => this.#onNew.delete(listener)
  }

  /** Resolves when jobs can be published to it. @throws unavailable */
  async ensure(lane: Lane): Promise<void> {
    const name = consumerOf(lane)
    if (this.#known.has(name)) return
    const making = this.#making.get(name) ?? this.#make(lane, name).finally(() => this.#making.delete(name))
    this.#making.set(name, making)
    await making
  }

  /** Makes it anew when it is not there any more. */
  async verify(lane: Lane): Promise<void> {
    const name = consumerOf(lane)
    if (this.#verifying.has(name)) return
    this.#verifying.add(name)
    try {
      const { stream } = this.#names
      const asking = () => this.#orNothing(this.#link.manager.consumers.info(stream, name))
      const found = await this.#call(asking, `the lane ${name}`)
      if (found) {
        // Somebody else may have made it anew, and then it waits for a word as briefly as a new one does.
        const known = this.#known.get(name)
        if (known?.ackMs !== undefined) known.ackMs = ackMsOf(found.config)
        return
      }
      this.forget(lane)
      await this.ensure(lane)
    } finally {
      this.#verifying.delete(name)
    }
  }

  /** A lane that is not there any more, or a stream: it is made anew when somebody needs it. */
  forget(lane?: Lane): void {
    this.#stream = undefined
    for (const [name, known] of this.#known)
      if (!lane || name === consumerOf(lane)) {
        this.#known.delete(name)
        const others = this.#byQueue.get(known.lane.queue)?.filter((other) => other.name !== known.lane.name) ?? []
        this.#byQueue.set(known.lane.queue, others)
      }
    this.#lookedAt = Number.NEGATIVE_INFINITY
  }

  /** So long at least the server waits for a word about a job of this lane, as far as is known here. */
  ackMsLeast(lane: Lane): number {
    return this.#known.get(consumerOf(lane))?.ackMs ?? slackMs
  }

  /**
   * The server waits for a word about a job of this lane for longer than that. It is never made shorter: another process may
   * count on what there is. Answers how long it waits. @throws unavailable
   */
  async ackMsFor(lane: Lane, leaseMs: number): Promise<number> {
    const name = consumerOf(lane)
    const known = this.#known.get(name)
    const wanted = leaseMs + slackMs
    if (known?.ackMs !== undefined && known.ackMs >= wanted) return known.ackMs
    const ackMs = await this.#call(async () => {
      const { consumers } = this.#link.manager
      const { config } = await consumers.info(this.#names.stream, name)
      const now = ackMsOf(config)
      if (now >= wanted) return now
      await consumers.update(this.#names.stream, name, { ack_wait: wanted * nanosInMs })
      return wanted
    }, `the lease of ${name}`)
    if (known) known.ackMs = ackMs
    return ackMs
  }

  /** Finds lanes that nobody told of, and makes those that have jobs and no consumer. @throws unavailable */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** Of a cluster: the name of the server that leads the stream. @throws unavailable */
  async leader(): Promise<string | undefined> {
    const { stream } = this.#names
    return (await this.#call(() => this.#link.manager.streams.info(stream), `the stream ${stream}`)).cluster?.leader
  }

  /** @throws unavailable */
  ensureStream(): Promise<void> {
    const { stream: name, subjects } = this.#names
    const make = async () => {
      const { streams } = this.#link.manager
      const found = await this.#orNothing(streams.info(name))
      if (found?.config.num_replicas === this.#replicas) return
      if (found) await streams.update(name, { num_replicas: this.#replicas })
      else
        await streams.add({
          ...{ name, subjects: [subjects], retention: 'workqueue', storage: 'file', discard: 'new' },
          num_replicas: this.#replicas,
          duplicate_window: this.#limits.duplicateMs * nanosInMs,
        } as Partial<StreamConfig> & { name: string })
    }
    this.#stream ??= this.#call(make, `the stream ${name}`).catch((error: unknown) => {
      this.#stream = undefined
      throw error
    })
    return this.#stream
  }

  /** @throws unavailable */
  async states(): Promise<LaneState[]> {
    await this.ensureStream()
    const { stream, subjects } = this.#names
    return this.#call(async () => {
      const { streams, consumers } = this.#link.manager
      const { state } = await streams.info(stream, { subjects_filter: subjects })
      const states: LaneState[] = []
      for await (const { name, num_ack_pending, num_pending, delivered } of consumers.list(stream)) {
        const lane = laneOfConsumer(name)
        if (!lane) continue
        const messages = state.subjects?.[this.#names.subjectOf(lane)] ?? 0
        states.push({ lane, leased: num_ack_pending, waiting: num_pending, reached: delivered.stream_seq, messages })
      }
      return states
    }, 'the state of its lanes')
  }

  close(): void {
    this.#unlisten()
    this.#told?.unsubscribe()
    this.#onNew.clear()
  }

  async #make(lane: Lane, name: string): Promise<void> {
    await this.ensureStream()
    const { stream } = this.#names
    await this.#call(async () => {
      const { consumers } = this.#link.manager
      const found = await this.#orNothing(consumers.info(stream, name))
      if (found) return
      await consumers.add(stream, {
        durable_name: name,
        filter_subject: this.#names.subjectOf(lane),
        ...{ ack_policy: 'explicit', deliver_policy: 'all', max_deliver: -1, max_waiting: waitingMax },
        ack_wait: slackMs * nanosInMs,
        max_ack_pending: this.#limits.leasedMax,
      } as Partial<ConsumerConfig>)
      this.#link.connection.publish(this.#names.newLanes, name)
    }, `the lane ${name}`)
    this.#add(lane)
  }

  async #look(): Promise<void> {
    await this.ensureStream()
    const { stream, subjects } = this.#names
    const withJobs = await this.#call(async () => {
      const { streams, consumers } = this.#link.manager
      for await (const { name } of consumers.list(stream)) {
        const lane = laneOfConsumer(name)
        if (lane) this.#add(lane)
      }
      const { state } = await streams.info(stream, { subjects_filter: subjects })
      return Object.keys(state.subjects ?? {})
    }, 'the list of lanes')
    this.#lookedAt = performance.now()
    for (const subject of withJobs) {
      const lane = this.#names.laneOfSubject(subject)
      if (lane) await this.ensure(lane)
    }
  }

  #hear(message: Msg): void {
    const lane = laneOfConsumer(message.string())
    if (lane) this.#add(lane)
  }

  #add(lane: Lane): void {
    const name = consumerOf(lane)
    if (this.#known.has(name)) return
    this.#known.set(name, { lane, ackMs: undefined })
    this.#byQueue.set(lane.queue, [...(this.#byQueue.get(lane.queue) ?? []), lane])
    for (const listener of this.#onNew) listener(lane)
  }

  async #orNothing<T>(asking: Promise<T>): Promise<T | undefined> {
    try {
      return await asking
    } catch (error) {
      if (this.#link.isNotThere(error)) return undefined
      throw error
    }
  }

  async #call<T>(work: () => Promise<T>, what: string): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof TenfoldError) throw error
      throw new TenfoldError('unavailable', `NATS did not give ${what}: ${describeError(error)}`, { cause: error })
    }
  }
}

function ackMsOf({ ack_wait = 0 }: Pick<ConsumerConfig, 'ack_wait'>): number {
  return ack_wait / nanosInMs
}
