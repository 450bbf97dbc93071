// The app as a client on the network sees it: kept connections, few at once, and patience with a server that is busy. Every
// request here may be repeated: follows and likes are idempotent, the others carry an Idempotency-Key.

import { setTimeout as sleep } from 'node:timers/promises'
import { TenfoldError } from 'tenfold'
import { Pool } from 'undici'

const connectionsMax = 16
const attemptsMax = 8
const waitMs = 250
const answerTimeoutMs = 30_000

export interface Call {
  method?: 'GET' | 'POST'
  path: string
  cookie?: string | undefined
  json?: Readonly<Record<string, unknown>>
  jpeg?: Buffer
  idempotencyKey?: string
  /** Statuses that are answers here, besides 2xx. */
  expected?: readonly number[]
}

export interface Answer<Body> {
  status: number
  cookie: string | undefined
  body: Body
}

export class PhotoClient {
  readonly #pool: Pool
  readonly #signal: AbortSignal | undefined

  constructor(baseUrl: string, signal?: AbortSignal) {
    this.#pool = new Pool(new URL(baseUrl).origin, {
      connections: connectionsMax,
      headersTimeout: answerTimeoutMs,
      bodyTimeout: answerTimeoutMs,
    })
    this.#signal = signal
  }

  /** @throws unavailable when the app does not answer well after some attempts. */
  async call<Body>(call: Call): Promise<Answer<Body>> {
    let last: unknown
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      this.#signal?.throwIfAborted()
      try {
        const answer = await this.#send<Body>(call)
        const { status } = answer
        if (status < 300 || call.expected?.includes(status)) return answer
        last = new Error(`${status} ${JSON.stringify(answer.body)}`)
        if (status < 500) break
      } catch (error) {
        last = error
      }
      await sleep(waitMs * attempt, undefined, this.#signal && { signal: this.#signal })
    }
    throw new TenfoldError('unavailable', `${call.method ?? 'POST'} ${call.path} did not work`, { cause: last })
  }

  async #send<Body>({ method = 'POST', path, cookie, json, jpeg, idempotencyKey }: Call): Promise<Answer<Body>> {
    const headers: Record<string, string> = {}
    if (cookie) headers['cookie'] = cookie
    if (json) headers['content-type'] = 'application/json'
    if (jpeg) headers['content-type'] = 'image/jpeg'
    if (idempotencyKey) headers['idempotency-key'] = idempotencyKey
    const body = json ? JSON.stringify(json) : (jpeg ?? null)
    const answer = await this.#pool.request({ method, path, headers, body, signal: this.#signal ?? null })
    const setCookie = [answer.headers['set-cookie']].flat()[0]
    return {
      status: answer.statusCode,
      cookie: setCookie?.split(';', 1)[0],
      body: (await answer.body.json()) as Body,
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }
}

/** Runs `work` for each item, `atOnce` of them at a time; the first failure ends it. */
export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  let hasFailed = false
  const run = async () => {
    while (next < items.length && !hasFailed) {
      const index = next++
      try {
        await work(items[index] as T, index)
      } catch (error) {
        hasFailed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, run))
}
