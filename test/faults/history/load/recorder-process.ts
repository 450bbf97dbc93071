// A test's hold on its recorder process (main.ts).

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { TenfoldError } from '../../../../src/base/errors.ts'
import { withTimeout } from '../../../../src/base/limits.ts'
import type { CallName, Calls, Reply } from './messages.ts'

const callTimeoutMs = 120_000

export class RecorderProcess implements AsyncDisposable {
  readonly #child: ChildProcess
  #calls = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  #lastId = 0

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./main.ts', import.meta.url)), {
      execArgv: ['-C', 'source'],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child.on('message', (reply: Reply) => this.#take(reply))
    this.#child.on('error', (error) => this.#fail(error))
    this.#child.on('exit', (code, signal) => this.#fail(new Error(`it ended with ${signal ?? code}`)))
  }

  call<Name extends CallName>(name: Name, argument: Calls[Name]['argument']): Promise<Calls[Name]['result']> {
    const id = ++this.#lastId
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#calls.set(id, { resolve, reject })
      this.#child.send({ id, name, argument }, (error) => error && this.#fail(error))
    })
    return withTimeout(answer, callTimeoutMs, `the recorder's ${name}`) as Promise<Calls[Name]['result']>
  }

  /** Ends the process, whatever it does. May be called twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }

  #take(reply: Reply): void {
    const call = this.#calls.get(reply.id)
    this.#calls.delete(reply.id)
    if ('error' in reply) call?.reject(new TenfoldError('step-failed', `the recorder failed: ${reply.error}`))
    else call?.resolve(reply.result)
  }

  #fail(cause: Error): void {
    const error = new TenfoldError('program-failed', 'the recorder process is gone', { cause })
    for (const { reject } of this.#calls.values()) reject(error)
    this.#calls.clear()
  }
}
