// The test's hold on processes that work jobs off: started, stopped by signals, started again under the same name, and killed when
// they answer nothing, as a supervisor does.

import { type ChildProcess, fork } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '../../../../src/base/limits.ts'
import type { HandleOptions } from '../../../../src/tiers/queue/contract.ts'
import { nowMs, type Run, runsOf } from '../history/run.ts'
import type { Brokers } from './testing/open-engine.ts'

const startMsMax = 60_000
const heapMbMax = 128
const pingMs = 300

export interface WorkerConfig {
  /** Of the node; its successor has it, too. */
  name: string
  /** From 1 on. */
  life: number
  logPath: string
  queues: Record<string, HandleOptions>
  hasQuarantine: boolean
  /** With them jobs lie there, else in the database. */
  brokers: Brokers | undefined
}

export type FromWorker = 'ready' | 'pong'

export interface WorkersOptions {
  dir: string
  /** Of the database. */
  env: Record<string, string>
  names: readonly string[]
  queues: Record<string, HandleOptions>
  hasQuarantine?: boolean
  brokers?: Brokers
  /** Killed when it says nothing for so long; undefined: never. */
  silentMsMax?: number
}

export class Workers implements AsyncDisposable {
  /** Of each life that ended, when it was killed or was found dead. */
  readonly deaths = new Map<string, number>()
  readonly #options: WorkersOptions
  readonly #running = new Map<string, WorkerProcess>()
  #isOver = false

  private constructor(options: WorkersOptions) {
    this.#options = options
  }

  /** Resolves when all are ready. */
  static async start(options: WorkersOptions): Promise<Workers> {
    const workers = new Workers(options)
    for (const name of options.names) workers.#start(name, 1)
    await Promise.all(options.names.map((name) => workers.ready(name)))
    return workers
  }

  /** Everything that ran so far. */
  runs(): Run[] {
    return runsOf(globSync(join(this.#options.dir, '*.runs')))
  }

  async ready(name: string): Promise<void> {
    await waitUntil(() => this.#running.get(name)?.isReady, { what: `${name} ready`, timeoutMs: startMsMax })
  }

  /** The name of its life. It comes again by itself. */
  kill(name: string): string {
    return this.signal(name, 'SIGKILL')
  }

  signal(name: string, signal: NodeJS.Signals): string {
    const process = this.#running.get(name)
    if (!process) throw new Error(`${name} does not run`)
    if (signal === 'SIGKILL') this.deaths.set(process.id, nowMs())
    process.child.kill(signal)
    return process.id
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    const all = [...this.#running.values()]
    for (const { child } of all) child.kill('SIGKILL')
    await waitUntil(() => all.every(({ isGone }) => isGone), { what: 'their ends', timeoutMs: startMsMax })
  }

  #start(name: string, life: number): void {
    const { dir, env, queues, hasQuarantine = false, silentMsMax, brokers } = this.#options
    const config = { name, life, logPath: join(dir, `${name}.${life}.runs`), queues, hasQuarantine, brokers }
    const process = new WorkerProcess(config, env, silentMsMax)
    this.#running.set(name, process)
    process.child.once('exit', () => {
      if (!this.deaths.has(process.id)) this.deaths.set(process.id, nowMs())
      if (!this.#isOver) this.#start(name, life + 1)
    })
  }
}

class WorkerProcess {
  readonly id: string
  readonly child: ChildProcess
  isReady = false
  isGone = false

  constructor(config: WorkerConfig, env: Record<string, string>, silentMsMax: number | undefined) {
    this.id = `${config.name}.${config.life}`
    this.child = fork(fileURLToPath(new URL('testing/worker-process.ts', import.meta.url)), {
      execArgv: ['-C', 'source', `--max-old-space-size=${heapMbMax}`],
      env: { ...process.env, ...env, WORKER_PROCESS: JSON.stringify(config) },
      stdio: ['ignore', 'inherit', process.env['TENFOLD_FAULT_LOG'] ? 'inherit' : 'ignore', 'ipc'],
    })
    let heardAtMs = nowMs()
    this.child.on('message', (message: FromWorker) => {
      heardAtMs = nowMs()
      if (message === 'ready') this.isReady = true
    })
    const pinging = setInterval(() => {
      if (!this.isReady || silentMsMax === undefined) return
      if (nowMs() - heardAtMs > silentMsMax) this.child.kill('SIGKILL')
      else this.child.send('ping', () => {}) // whoever is gone is told of by its exit
    }, pingMs)
    this.child.once('exit', () => {
      this.isGone = true
      clearInterval(pinging)
    })
  }
}
