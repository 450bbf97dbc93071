// Words to the server about deliveries: done, back, dead, still at it.
//
// Words go out together. The server takes those of one consumer in their order, so that its answer to the last one says that
// it has all of them. Words that were lost with a server are said again; each one may be said twice.

import type { Msg } from '@nats-io/transport-node'
import { systemClock } from '../../../../base/clock.ts'
import { TenfoldError } from '../../../../base/errors.ts'
import type { NatsLink } from './link.ts'
import type { Lane } from './names.ts'

export const words = {
  done: '+ACK',
  back: (delayMs: number) => (delayMs > 0 ? `-NAK {"delay": ${Math.round(delayMs) * 1_000_000}}` : '-NAK'),
  dead: '+TERM',
  working: '+WPI',
} as const

const againMs = 1000
const pauseMs = 50

export interface Word {
  lane: Lane
  reply: string
  text: string
}

export class Acknowledgements {
  readonly #link: NatsLink
  readonly #inbox: string
  readonly #waiting = new Map<string, (isTaken: boolean) => void>()
  #count = 0

  /** `letter`: what begins with it in our inbox is for `onMessage`. */
  constructor(link: NatsLink, letter: string) {
    this.#link = link
    this.#inbox = `${link.inbox}${letter}`
    link.listen({
      onDown: () => {
        for (const finish of this.#waiting.values()) finish(false)
      },
    })
  }

  onMessage(message: Msg): void {
    // 503: nobody is there to hear it, as while servers choose another leader.
    this.#waiting.get(message.subject)?.(message.headers?.code !== 503)
  }

  /** Without waiting for anything; lost if there is no connection. */
  hint({ reply, text }: Omit<Word, 'lane'>): void {
    if (this.#link.isUp) this.#link.connection.publish(reply, text)
  }

  /** Resolves when the server has all. Says only those again that `isOurs`. @throws unavailable within `msMax`. */
  async say(all: readonly Word[], { msMax, isOurs }: { msMax: number; isOurs(word: Word): boolean }): Promise<void> {
    const until = performance.now() + msMax
    const groups = Map.groupBy(all, ({ lane }) => lane)
    await Promise.all([...groups.values()].map((group) => this.#sayGroup(group, until, isOurs)))
  }

  async #sayGroup(group: readonly Word[], until: number, isOurs: (word: Word) => boolean): Promise<void> {
    for (;;) {
      const leftMs = until - performance.now()
      const still = group.filter(isOurs)
      if (still.length === 0) return
      if (leftMs <= 0)
        throw new TenfoldError('unavailable', 'no NATS server took the outcome of jobs: they will be handed out again')
      if (!(await this.#link.whenUp(leftMs))) continue
      if (await this.#sayOnce(still, Math.min(againMs, leftMs))) return
      await systemClock.sleep(pauseMs)
    }
  }

  async #sayOnce(group: readonly Word[], ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const answer = `${this.#inbox}${(this.#count++).toString(36)}`
    this.#waiting.set(answer, resolve)
    const timer = setTimeout(() => resolve(false), ms)
    try {
      const { connection } = this.#link
      for (let i = 0; i < group.length - 1; i++) {
        const { reply, text } = group[i] as Word
        connection.publish(reply, text)
      }
      const last = group[group.length - 1] as Word
      connection.publish(last.reply, last.text, { reply: answer })
      return await promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(answer)
    }
  }
}
