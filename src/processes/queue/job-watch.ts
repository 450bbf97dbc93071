// What happens to jobs in this process, as the channel tells it: sums by queue, and the newest events, so that the life of one job
// can be put together from the processes that it went through.
//
// Every job goes through here, so an event costs a few sums and one place in a ring; the rest is done for whoever asks.

import { type JobMessage, openChannel } from '../../base/channels.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import { durationBounds, type QueueUse, type SeenEvent, type SlowRun } from './report.ts'

const eventsMax = 20_000
const slowestMax = 5
const slowestAgeMsMax = 10 * 60_000
/** How often hands are looked at, and every how manieth time sums are kept for rates. */
const lookMs = 200
const looksPerMark = 5
/** Rates are over so many marks. */
const marksMax = 10
/** Names come from apps; what more there are is counted under the last one. */
const queuesMax = 1000

/** Hands that this process has for a queue: the share of them that is busy, and the jobs in them. */
export interface Hands {
  queue: string
  busy: number
  inFlight: number
}

interface Mark {
  atMs: number
  published: number
  done: number
  failed: number
}

interface Sums {
  published: number
  done: number
  failed: number
  died: number
  durations: Float64Array
  durationSumMs: number
  slowest: Array<SlowRun & { atMs: number }>
  busyMs: number
  passedMs: number
  marks: Mark[]
}

export class JobWatch extends Lifecycle {
  readonly #node: string
  readonly #hands: () => readonly Hands[]
  readonly #clock: Clock
  readonly #events: JobMessage[] = []
  readonly #times = new Float64Array(eventsMax)
  #next = 0
  readonly #queues = new Map<string, Sums>()
  #end: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #lookedAtMs = 0
  #looks = 0

  constructor(node: string, hands: () => readonly Hands[], clock: Clock = systemClock) {
    super()
    this.#node = node
    this.#hands = hands
    this.#clock = clock
  }

  protected async open(): Promise<void> {
    this.#end = openChannel('tenfold:job').subscribe((message) => this.#take(message))
    this.#lookedAtMs = this.#clock.monotonic()
    this.#timer = setInterval(() => this.#look(), lookMs)
    this.#timer.unref()
  }

  protected async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#end?.()
  }

  report(): QueueUse[] {
    const inFlight = new Map(this.#hands().map((hands) => [hands.queue, hands.inFlight]))
    for (const queue of inFlight.keys()) this.#sumsOf(queue)
    const atMs = this.#clock.monotonic()
    return [...this.#queues].map(([queue, sums]) => {
      const { published, done, failed, died, durationSumMs, busyMs, passedMs, marks } = sums
      const [first] = marks
      const seconds = first ? Math.max(0.001, (atMs - first.atMs) / 1000) : 1
      return {
        ...{ queue, published, done, failed, died, durationSumMs, busyMs, passedMs },
        publishedPerSecond: (published - (first?.published ?? 0)) / seconds,
        donePerSecond: (done - (first?.done ?? 0)) / seconds,
        failedPerSecond: (failed - (first?.failed ?? 0)) / seconds,
        durations: [...sums.durations],
        slowest: this.#youngOf(sums).map(({ id, durationMs, at }) => ({ id, durationMs, at })),
        inFlight: inFlight.get(queue) ?? 0,
      }
    })
  }

  /** What is still known of a job, oldest first. */
  eventsOf(id: string): SeenEvent[] {
    const found: SeenEvent[] = []
    for (let n = 0; n < this.#events.length; n++) {
      const place = this.#events.length < eventsMax ? n : (this.#next + n) % eventsMax
      const message = this.#events[place]
      if (message?.id !== id) continue
      const { trace, ...rest } = message
      const at = new Date(this.#times[place] as number).toISOString()
      found.push({ at, node: this.#node, ...rest, ...(trace !== undefined && { trace }) })
    }
    return found
  }

  #take(message: JobMessage): void {
    this.#events[this.#next] = message
    this.#times[this.#next] = this.#clock.now()
    this.#next = (this.#next + 1) % eventsMax
    const sums = this.#sumsOf(message.queue)
    const { event, durationMs } = message
    if (event === 'published') sums.published++
    else if (event === 'done') sums.done++
    else if (event === 'failed') sums.failed++
    else if (event === 'dead') sums.died++
    if (durationMs !== undefined && (event === 'done' || event === 'failed')) this.#time(sums, message.id, durationMs)
  }

  #time(sums: Sums, id: string, durationMs: number): void {
    sums.durationSumMs += durationMs
    const seconds = durationMs / 1000
    let place = 0
    while (place < durationBounds.length && seconds > (durationBounds[place] as number)) place++
    sums.durations[place] = (sums.durations[place] ?? 0) + 1
    const last = sums.slowest.at(-1)
    if (sums.slowest.length >= slowestMax && last && durationMs <= last.durationMs) return
    const atMs = this.#clock.now()
    const young = this.#youngOf(sums)
    young.push({ id, durationMs, at: new Date(atMs).toISOString(), atMs })
    sums.slowest = young.sort((a, b) => b.durationMs - a.durationMs).slice(0, slowestMax)
  }

  #youngOf({ slowest }: Sums): Sums['slowest'] {
    const fromMs = this.#clock.now() - slowestAgeMsMax
    return slowest.filter(({ atMs }) => atMs >= fromMs)
  }

  #look(): void {
    const atMs = this.#clock.monotonic()
    const passedMs = atMs - this.#lookedAtMs
    this.#lookedAtMs = atMs
    for (const { queue, busy } of this.#hands()) {
      const sums = this.#sumsOf(queue)
      sums.passedMs += passedMs
      sums.busyMs += passedMs * Math.min(1, busy)
    }
    if (++this.#looks % looksPerMark !== 0) return
    for (const sums of this.#queues.values()) {
      const { published, done, failed, marks } = sums
      marks.push({ atMs, published, done, failed })
      if (marks.length > marksMax) marks.shift()
      // What was the slowest once does not keep slower ones of today out.
      sums.slowest = this.#youngOf(sums)
    }
  }

  #sumsOf(queue: string): Sums {
    const known = this.#queues.get(queue)
    if (known) return known
    if (this.#queues.size >= queuesMax) return [...this.#queues.values()].at(-1) as Sums
    const sums: Sums = {
      ...{ published: 0, done: 0, failed: 0, died: 0, durationSumMs: 0, busyMs: 0, passedMs: 0 },
      durations: new Float64Array(durationBounds.length + 1),
      slowest: [],
      marks: [{ atMs: this.#clock.monotonic(), published: 0, done: 0, failed: 0 }],
    }
    this.#queues.set(queue, sums)
    return sums
  }
}
