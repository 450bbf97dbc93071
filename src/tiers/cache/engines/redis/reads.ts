// Reads of one moment go to a server as one MGET: a command for each of them costs three times as much processor time,
// here and there, most of it in the client's book-keeping and in writing many small pieces to the socket.
//
// A moment: until the program waits for something else. Nobody is held up for the sake of others.

import { TenfoldError } from '../../../../base/errors.ts'
import type { Send } from './link.ts'
import { type Read, read } from './wire.ts'

/** More are several commands, so that no single one keeps the server from the others for long. */
const keysAtOnceMax = 64

interface Waiting {
  name: string
  resolve(found: Read | undefined): void
  reject(error: unknown): void
}

export class Reads {
  readonly #send: Send
  readonly #readsMax: number
  #waiting: Waiting[] = []
  #count = 0

  /** `readsMax`: under way at the same time. */
  constructor(send: Send, readsMax: number) {
    this.#send = send
    this.#readsMax = readsMax
  }

  /** What stands under the name. @throws overloaded at once when too many are under way, and as `send`. */
  get(name: string): Promise<Read | undefined> {
    if (this.#count >= this.#readsMax)
      return Promise.reject(
        new TenfoldError('overloaded', `${this.#readsMax} reads from one Redis server are under way`),
      )
    this.#count++
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ name, resolve, reject }) === 1) process.nextTick(this.#askAll)
    })
  }

  readonly #askAll = (): void => {
    const reads = this.#waiting
    this.#waiting = []
    for (let at = 0; at < reads.length; at += keysAtOnceMax) void this.#ask(reads.slice(at, at + keysAtOnceMax))
  }

  async #ask(reads: readonly Waiting[]): Promise<void> {
    try {
      const answers = (await this.#send(['MGET', ...reads.map(({ name }) => name)])) as unknown[]
      // Read here: a promise that is given bytes looks for a `then` in all that they inherit from.
      for (let i = 0; i < reads.length; i++) (reads[i] as Waiting).resolve(read(answers[i]))
    } catch (error) {
      for (const { reject } of reads) reject(error)
    } finally {
      this.#count -= reads.length
    }
  }
}
