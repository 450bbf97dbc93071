// People who ask for jobs all the time, and what became of each: refused, or acknowledged and then run.

import assert from 'node:assert/strict'
import { waitUntil } from '../../../src/base/limits.ts'
import type { RunningSystem } from '../../running-system.ts'
import type { Way } from './app/app.ts'

const ways: readonly Way[] = ['direct', 'transaction', 'delayed']
const requestTimeoutMs = 30_000
const settleTimeoutMs = 60_000

export interface MakersOptions {
  count: number
  /** Of each of them. */
  perSecond: number
}

export interface MakersVerdict {
  asked: number
  failures: string[]
  /** Acknowledged, and never run. */
  lost: string[]
  /** Run more than once, by way. */
  doubled: string[]
}

/** Begins at once; `settle` ends it and waits until every acknowledged job has run. */
export class Makers {
  readonly #system: RunningSystem
  readonly #options: MakersOptions
  readonly #stop = new AbortController()
  readonly #acknowledged = new Map<string, Set<number>>()
  readonly #failures: string[] = []
  readonly #work: Promise<unknown>
  #asked = 0

  constructor(system: RunningSystem, options: MakersOptions) {
    this.#system = system
    this.#options = options
    // Numbers begin anew with each of us, so names have to differ.
    const names = Array.from({ length: options.count }, (_, i) => `maker-${Date.now()}-${i}`)
    this.#work = Promise.all(names.map((name) => this.#make(name)))
  }

  get asked(): number {
    return this.#asked
  }

  async settle(): Promise<MakersVerdict> {
    this.#stop.abort()
    await this.#work
    const runs = new Map<string, Array<{ number: number; way: Way }>>()
    const missing = async () => {
      const lost: string[] = []
      for (const [maker, numbers] of this.#acknowledged) {
        const done = await this.#runsOf(maker)
        runs.set(maker, done)
        const seen = new Set(done.map(({ number }) => number))
        for (const number of numbers) if (!seen.has(number)) lost.push(`${maker} ${number} ${wayOf(number)}`)
      }
      return lost
    }
    const isDone = async () => (await missing()).length === 0
    const within = { what: 'every acknowledged job', timeoutMs: settleTimeoutMs, intervalMs: 200 }
    await waitUntil(isDone, within).catch(() => {})
    const lost = await missing()
    const doubled = [...runs].flatMap(([maker, done]) => {
      const seen = new Set<number>()
      return done
        .filter(({ number }) => seen.has(number) || !seen.add(number))
        .map(({ number, way }) => `${maker} ${number} ${way}`)
    })
    return { asked: this.#asked, failures: this.#failures, lost, doubled }
  }

  async #make(maker: string): Promise<void> {
    const acknowledged = new Set<number>()
    this.#acknowledged.set(maker, acknowledged)
    const everyMs = 1000 / this.#options.perSecond
    for (let number = 0; !this.#stop.signal.aborted; number++) {
      const dueMs = performance.now() + everyMs
      try {
        this.#asked++
        await this.#ask(maker, number)
        acknowledged.add(number)
      } catch (error) {
        this.#failures.push(`${new Date().toISOString()} ${maker} ${number} ${wayOf(number)}: ${String(error)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())))
    }
  }

  async #ask(maker: string, number: number): Promise<void> {
    const response = await fetch(`${this.#system.appUrl}/makers/${maker}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ number, way: wayOf(number) }),
      signal: AbortSignal.timeout(requestTimeoutMs),
    })
    assert.equal(response.status, 201, await response.text())
  }

  async #runsOf(maker: string): Promise<Array<{ number: number; way: Way }>> {
    const response = await fetch(`${this.#system.appUrl}/makers/${maker}/runs`)
    assert.equal(response.status, 200)
    return (await response.json()) as Array<{ number: number; way: Way }>
  }
}

function wayOf(number: number): Way {
  return ways[number % ways.length] as Way
}
