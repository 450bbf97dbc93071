// All queues that somebody takes of here, and what the server sends for them.

import type { Msg } from '@nats-io/transport-node'
import { LaneDeliveries } from './deliveries.ts'
import { deliveryFacts } from './inbox.ts'
import type { Lanes } from './lanes.ts'
import type { NatsLink } from './link.ts'
import { consumerOf, type Lane, type Names } from './names.ts'
import { QueueLine } from './queue-line.ts'

export class Lines {
  readonly #link: NatsLink
  readonly #lanes: Lanes
  readonly #names: Names
  readonly #inbox: string
  readonly #lines = new Map<string, QueueLine>()
  /** By the part of a pull's name that all pulls of a lane share. */
  readonly #byInbox = new Map<string, LaneDeliveries>()
  readonly #byConsumer = new Map<string, LaneDeliveries>()
  /** Something came that nobody waited for, or may have. */
  readonly #hint: (queue: string) => void
  readonly #onKept: () => void

  /** `onKept`: something came that nobody waited for, and waits here. */
  constructor(
    link: NatsLink,
    lanes: Lanes,
    names: Names,
    options: { letter: string; hint(queue: string): void; onKept(): void },
  ) {
    this.#link = link
    this.#lanes = lanes
    this.#names = names
    this.#inbox = `${link.inbox}${options.letter}`
    this.#hint = options.hint
    this.#onKept = options.onKept
    lanes.onNew((lane) => {
      this.#lines.get(lane.queue)?.add(lane)
      this.#hint(lane.queue)
    })
    link.listen({
      onUp: () => {
        for (const queue of this.#lines.keys()) this.#hint(queue)
      },
      onDown: () => {
        for (const line of this.#lines.values()) line.drop()
      },
    })
  }

  /** The line of a queue with all lanes that are known. @throws unavailable */
  async of(queue: string): Promise<QueueLine> {
    let line = this.#lines.get(queue)
    if (!line) {
      line = new QueueLine((lane) => this.#newLane(lane))
      this.#lines.set(queue, line)
    }
    for (const lane of await this.#lanes.of(queue)) line.add(lane)
    return line
  }

  all(): Iterable<QueueLine> {
    return this.#lines.values()
  }

  /** Something came that nobody took yet. */
  get hasKept(): boolean {
    for (const deliveries of this.#byConsumer.values()) if (deliveries.keeps) return true
    return false
  }

  /** True when it was for one of our lanes. */
  onMessage(message: Msg): boolean {
    const facts = deliveryFacts(message.reply)
    if (!facts) return this.#onStatus(message)
    const { consumer, count, sequence } = facts
    const deliveries = this.#byConsumer.get(consumer)
    if (deliveries?.onMessage({ message, reply: message.reply as string, count, sequence })) {
      this.#onKept()
      this.#hint(deliveries.lane.queue)
    }
    return true
  }

  #onStatus(message: Msg): boolean {
    const { subject, headers } = message
    if (!subject.startsWith(this.#inbox)) return false
    const deliveries = this.#byInbox.get(subject.slice(0, subject.lastIndexOf('.') + 1))
    if (!deliveries || !headers) return true
    if (deliveries.onStatus(subject, headers.code, headers.description) === 'gone') this.#verify(deliveries.lane)
    return true
  }

  /** Somebody deleted it, or its servers choose a leader: then this finds it there. */
  #verify(lane: Lane): void {
    this.#lanes.verify(lane).catch(() => {
      // Whoever takes next is told what is wrong, or finds that nothing is.
    })
  }

  #newLane(lane: Lane): LaneDeliveries {
    const consumer = consumerOf(lane)
    const inbox = `${this.#inbox}${consumer}.`
    const deliveries = new LaneDeliveries(this.#link, this.#names, lane, {
      inbox,
      onSilent: () => this.#verify(lane),
    })
    this.#byInbox.set(inbox, deliveries)
    this.#byConsumer.set(consumer, deliveries)
    return deliveries
  }
}
