// The test's hold on the processes that share the cache: started, told what to do, stopped by signals, and what they kept.

import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '../../../src/base/limits.ts'
import type { RedisCacheLimits } from '../../../src/tiers/cache/engines/redis/options.ts'
import type { Operation } from './operation.ts'
import type { TruthAddress } from './truth.ts'

const answerMsMax = 240_000

export interface ProcessConfig {
  name: string
  /** From 1 on. */
  life: number
  index: number
  processCount: number
  keyCount: number
  ports: number[]
  userName: string
  password: string
  limits: Partial<RedisCacheLimits>
  truth: TruthAddress
  seed: number
  logPath: string
}

/** Until then, and on until so many reads are done, but no longer than to `latestMs`. */
export interface Work {
  untilMs: number
  readsMin: number
  latestMs: number
}

export type ToProcess = ({ kind: 'work' } & Work) | { kind: 'read-all' } | { kind: 'end' }
export type FromProcess = { kind: 'ready'; stalenessMsMax: number } | { kind: 'done' }

export class CacheProcess implements AsyncDisposable {
  readonly config: ProcessConfig
  readonly #child: ChildProcess
  #stalenessMsMax: number | undefined
  #answers = 0
  #isGone = false

  /** `main`: what runs in it, of testing/. `env`: what that needs beside its configuration. */
  constructor(config: ProcessConfig, main: 'cache-process' | 'back-process' = 'cache-process', env = {}) {
    this.config = config
    this.#child = fork(fileURLToPath(new URL(`testing/${main}.ts`, import.meta.url)), {
      execArgv: ['-C', 'source'],
      env: { ...process.env, ...env, CACHE_PROCESS: JSON.stringify(config) },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child.on('message', (message: FromProcess) => {
      if (message.kind === 'ready') this.#stalenessMsMax = message.stalenessMsMax
      else this.#answers++
    })
    this.#child.once('exit', () => {
      this.#isGone = true
    })
  }

  /** What its cache promises. */
  async ready(): Promise<{ stalenessMsMax: number }> {
    const what = `the start of ${this.config.name}`
    await waitUntil(() => this.#stalenessMsMax !== undefined || this.#isGone, { what, timeoutMs: answerMsMax })
    if (this.#stalenessMsMax === undefined) throw new Error(`${this.config.name} ended before it was ready`)
    return { stalenessMsMax: this.#stalenessMsMax }
  }

  /** Resolves when it is done, or gone. */
  async tell(message: ToProcess): Promise<void> {
    if (this.#isGone) return
    const before = this.#answers
    this.#child.send(message)
    const what = `the answer of ${this.config.name} to ${message.kind}`
    await waitUntil(() => this.#answers > before || this.#isGone, { what, timeoutMs: answerMsMax })
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** The last line of one that was killed may be half of one. */
  history(): Operation[] {
    const lines = readFileSync(this.config.logPath, 'utf8').split('\n')
    lines.pop()
    return lines.map((line) => JSON.parse(line))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isGone) return
    this.#child.kill('SIGKILL')
    await waitUntil(() => this.#isGone, { what: 'its end', timeoutMs: answerMsMax })
  }
}
