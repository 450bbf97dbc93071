// What befalls the system, by a seed: one thing after the other, some at the same time.

import { systemClock } from '../../../src/base/clock.ts'
import type { Random } from '../../../src/base/random.ts'
import type { TestRedis } from '../../../src/programs/redis/testing.ts'
import type { Cut } from './check/stray-case.ts'
import { nowMs } from './operation.ts'
import type { CacheProcess } from './processes.ts'
import { type Lane, type ServerProxy, userNameOf } from './proxy.ts'

export interface StormOptions {
  servers: readonly TestRedis[]
  proxies: readonly ServerProxy[]
  /** Those that run now. */
  processes: readonly CacheProcess[]
  /** Kills it, and lets another one work in its place. */
  replace(index: number): Promise<void>
  random: Random
  log(line: string): void
}

/** Processes are paused, and every third of them is killed. */
const killEvery = 3

export class Storm {
  /** When and by whom a server could not be asked as usual. */
  readonly cuts: Cut[] = []
  readonly #options: StormOptions
  readonly #startMs = nowMs()

  constructor(options: StormOptions) {
    this.#options = options
  }

  /** Until `signal`. Resolves when all of it is over and made good. */
  async rage(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#hurtNetwork(signal), this.#hurtServers(signal), this.#hurtProcesses(signal)])
    for (const proxy of this.#options.proxies) proxy.calm()
  }

  /** One server of one process, one lane or both: cut, held up or late. A process has one server at a time of which it is so. */
  async #hurtNetwork(signal: AbortSignal): Promise<void> {
    const { proxies, processes, random } = this.#options
    const lanesOf: Lane[][] = [['word'], ['data'], ['word', 'data']]
    const hurt = new Set<number>()
    while (!signal.aborted) {
      const well = [...processes.keys()].filter((index) => !hurt.has(index))
      const index = random.pick(well)
      hurt.add(index)
      const node = random.int(proxies.length)
      const lanes = random.pick(lanesOf)
      const mode = random.pick(['cut', 'hold', 'strand', 'late', 'late'] as const)
      const weather = mode === 'late' ? { delayMs: random.pick([5, 20, 100, 300]) } : { mode }
      const forMs = 100 + random.int(1500)
      this.#log(`${userNameOf(index)} ${lanes.join('+')} to ${node}: ${JSON.stringify(weather)} for ${forMs} ms`)
      for (const lane of lanes) proxies[node]?.set(userNameOf(index), lane, weather)
      const cut: Cut = { user: userNameOf(index), node, fromMs: nowMs(), toMs: Number.POSITIVE_INFINITY }
      if (lanes.includes('data')) this.cuts.push(cut)
      const over = systemClock.sleep(forMs, signal).then(() => {
        for (const lane of lanes) proxies[node]?.set(userNameOf(index), lane, {})
        cut.toMs = nowMs()
        hurt.delete(index)
      })
      await (random.int(2) === 0 || hurt.size === processes.length ? over : systemClock.sleep(random.int(300), signal))
    }
  }

  async #hurtServers(signal: AbortSignal): Promise<void> {
    const { servers, random } = this.#options
    for (let round = 0; !signal.aborted; round++) {
      await systemClock.sleep(500 + random.int(1000), signal)
      const node = random.int(servers.length)
      const server = servers[node] as TestRedis
      const forMs = 200 + random.int(1200)
      const isKill = round % 2 === 0
      this.#log(`server ${node} ${isKill ? 'killed' : 'paused'} for ${forMs} ms`)
      if (isKill) await server.kill()
      else server.signal('SIGSTOP')
      await systemClock.sleep(forMs, signal)
      if (isKill) await server.start()
      else server.signal('SIGCONT')
      this.#log(`server ${node} is back`)
    }
  }

  async #hurtProcesses(signal: AbortSignal): Promise<void> {
    const { processes, random, replace } = this.#options
    for (let round = 1; !signal.aborted; round++) {
      await systemClock.sleep(1000 + random.int(1500), signal)
      const index = random.int(processes.length)
      const process = processes[index] as CacheProcess
      if (round % killEvery === 0) {
        this.#log(`${process.config.name} killed`)
        await replace(index)
        continue
      }
      const forMs = 500 + random.int(2000)
      this.#log(`${process.config.name} paused for ${forMs} ms`)
      process.signal('SIGSTOP')
      await systemClock.sleep(forMs, signal)
      process.signal('SIGCONT')
    }
  }

  #log(line: string): void {
    this.#options.log(`${((nowMs() - this.#startMs) / 1000).toFixed(2)} s ${line}`)
  }
}
