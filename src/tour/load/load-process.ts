// The tour's hold on its load process (main.ts).

import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TenfoldError } from '../../base/errors.ts'
import { withTimeout } from '../../base/limits.ts'
import type { LoadCallName, LoadCalls, LoadConfig, LoadMessage, LoadProgress } from './messages.ts'

const callTimeoutMs = 120_000
const verifyTimeoutMs = 600_000

export class LoadProcess {
  readonly #child: ChildProcess
  readonly #onProgress: (progress: LoadProgress) => void
  #calls = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  #lastId = 0

  /** Begins a process; it sends nothing before `prepare`. */
  constructor(onProgress: (progress: LoadProgress) => void = () => {}) {
    this.#onProgress = onProgress
    const isSource = extname(import.meta.filename) === '.ts'
    this.#child = fork(fileURLToPath(new URL(`./main${extname(import.meta.filename)}`, import.meta.url)), {
      execArgv: isSource ? ['-C', 'source'] : [],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child.on('message', (message: LoadMessage) => this.#take(message))
    this.#child.on('error', (error) => this.#fail(error))
    this.#child.on('exit', (code, signal) => this.#fail(new Error(`it ended with ${signal ?? code}`)))
  }

  async prepare(config: LoadConfig): Promise<void> {
    await this.#call('prepare', config)
  }

  async start(): Promise<void> {
    await this.#call('start', null)
  }

  async phase(): Promise<void> {
    await this.#call('phase', null)
  }

  stop(): Promise<LoadCalls['stop']['result']> {
    return this.#call('stop', null)
  }

  verify(settleMs: number): Promise<LoadCalls['verify']['result']> {
    return this.#call('verify', { settleMs }, verifyTimeoutMs)
  }

  /** Ends the process, whatever it does. May be called twice. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }

  #call<Name extends LoadCallName>(
    name: Name,
    argument: LoadCalls[Name]['argument'],
    timeoutMs = callTimeoutMs,
  ): Promise<LoadCalls[Name]['result']> {
    const id = ++this.#lastId
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#calls.set(id, { resolve, reject })
      this.#child.send({ id, name, argument }, (error) => error && this.#fail(error))
    })
    return withTimeout(answer, timeoutMs, `the load's ${name}`) as Promise<LoadCalls[Name]['result']>
  }

  #take(message: LoadMessage): void {
    if ('progress' in message) {
      this.#onProgress(message.progress)
      return
    }
    const call = this.#calls.get(message.id)
    this.#calls.delete(message.id)
    if ('error' in message) call?.reject(new TenfoldError('step-failed', `the load failed: ${message.error}`))
    else call?.resolve(message.result)
  }

  #fail(cause: Error): void {
    for (const { reject } of this.#calls.values())
      reject(new TenfoldError('program-failed', 'the load process is gone', { cause }))
    this.#calls.clear()
  }
}
