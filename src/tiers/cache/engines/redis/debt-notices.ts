// What a process could not tell a server, told to everybody by way of the others: a network may have cut off this process
// alone, and the rest would go on reading there what was changed. Whoever reaches the server deletes it there; whoever does
// not either owes it from then on, so that the debt outlives the process that made it.
//
// One stream on each server, bounded in length and time. Word of changes (watch.ts) says that there is something new in it.

import { systemClock } from '../../../../base/clock.ts'
import type { Member } from './member.ts'
import { noticeScript, runScript } from './scripts.ts'

const noticesMax = 1000
/** Long enough for whoever was away for a moment; later the stream starts anew. */
const keptMs = 60_000
const atOnce = 100
/** Between two looks at a server that is up and did not answer in time. */
const againMs = 50

export interface DebtNotice {
  /** The server that is owed, as `address:port`. */
  server: string
  /** What is to be deleted there. */
  names: string[]
}

export class DebtNotices {
  readonly #member: Pick<Member, 'send' | 'isUp'>
  readonly #stream: string
  readonly #who: string
  readonly #onNotice: (notice: DebtNotice) => void
  #lastId = '0-0'
  #reading: Promise<void> | undefined
  #isNew = false
  readonly #closing = new AbortController()

  /** `member`: the server that has the stream. `who`: this process, whose own notices are no news. */
  constructor(
    member: Pick<Member, 'send' | 'isUp'>,
    stream: string,
    who: string,
    onNotice: (notice: DebtNotice) => void,
  ) {
    this.#member = member
    this.#stream = stream
    this.#who = who
    this.#onNotice = onNotice
  }

  /** Whether the server took it. */
  async post({ server, names }: DebtNotice): Promise<boolean> {
    const args = [String(noticesMax), String(keptMs), this.#who, JSON.stringify([server, ...names])]
    return runScript(this.#member.send, noticeScript, [this.#stream], args).then(
      () => true,
      () => false,
    )
  }

  /** There may be something new. */
  hear(): void {
    this.#isNew = true
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
      if (this.#isNew) this.hear()
    })
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#reading
  }

  async #read(): Promise<void> {
    // Word of several notices of one moment is one look.
    await new Promise((resolve) => setImmediate(resolve))
    const { signal } = this.#closing
    while (this.#isNew) {
      this.#isNew = false
      try {
        const range = ['XRANGE', this.#stream, `(${this.#lastId}`, '+', 'COUNT', String(atOnce)]
        const entries = (await this.#member.send(range)) as Entry[]
        for (const entry of entries) this.#take(entry)
        if (entries.length === atOnce) this.#isNew = true
      } catch {
        // One that is down is heard again when it is back.
        await systemClock.sleep(againMs, signal)
        if (this.#member.isUp && !signal.aborted) this.#isNew = true
      }
    }
  }

  #take([id, [who, text]]: Entry): void {
    this.#lastId = String(id)
    if (String(who) === this.#who) return
    const [server, ...names] = JSON.parse(String(text)) as [string, ...string[]]
    this.#onNotice({ server, names })
  }
}

/** Of the stream: a field named by who wrote it. */
type Entry = [id: Buffer, [who: Buffer, text: Buffer]]
