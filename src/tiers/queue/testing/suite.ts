// What the parts of the suite have in common.

import { randomUUID } from 'node:crypto'
import { seededRandom } from '../../../base/random.ts'
import type { QueueConformance } from '../conformance.ts'
import type { NewJob, PublishOptions, QueueEngine, TakenJob } from '../contract.ts'
import { QueueTier } from '../queue.ts'

export const timeoutMs = 20_000
export const leaseMs = 60_000
export const holder = 'r/worker-1'
const quiet = { warn() {}, error() {} }

export function newName(): string {
  return `test.${randomUUID()}`
}

export function jobOf(queue: string, n: number, options: PublishOptions = {}): NewJob {
  return { queue, body: JSON.stringify({ n }), options }
}

export function numbersOf(jobs: readonly Pick<TakenJob, 'payload'>[]): unknown[] {
  return jobs.map(({ payload }) => payload['n'])
}

/** Of one engine. */
export class Bench {
  readonly #suite: QueueConformance

  constructor(suite: QueueConformance) {
    this.#suite = suite
  }

  get engine(): QueueEngine {
    return this.#suite.engine()
  }

  publish(queue: string, count: number, options: PublishOptions = {}): ReturnType<QueueEngine['publish']> {
    return this.engine.publish(Array.from({ length: count }, (_, n) => jobOf(queue, n, options)))
  }

  take(queue: string, max: number, ms = leaseMs): Promise<TakenJob[]> {
    return this.engine.take({ queue, max, leaseMs: ms, holder })
  }

  /** Until there is no more. */
  async takeAll(queue: string, max: number): Promise<TakenJob[]> {
    const taken: TakenJob[] = []
    for (;;) {
      const batch = await this.take(queue, max)
      if (batch.length === 0) return taken
      taken.push(...batch)
    }
  }

  async depthOf(queue: string) {
    return (await this.engine.depth()).find((depth) => depth.queue === queue)
  }

  /** A tier as one process has it; stop its workers. */
  openTier(options: { seed?: number; holder?: string } = {}): QueueTier {
    const ledger = this.#suite.ledger?.()
    return new QueueTier(this.engine, {
      log: quiet,
      random: seededRandom(options.seed ?? 1),
      holder: options.holder ?? `r/worker-${randomUUID()}`,
      ...(ledger && { ledger }),
    })
  }

  /** Runs `work` with tiers whose workers are stopped at its end. */
  async withTiers(count: number, work: (...tiers: QueueTier[]) => Promise<void>): Promise<void> {
    const tiers = Array.from({ length: count }, (_, n) => this.openTier({ seed: n + 1 }))
    try {
      await work(...tiers)
    } finally {
      await Promise.all(tiers.map((tier) => tier.stopWorkers(timeoutMs)))
    }
  }

  withTier(work: (tier: QueueTier) => Promise<void>): Promise<void> {
    return this.withTiers(1, (tier) => work(tier as QueueTier))
  }
}
