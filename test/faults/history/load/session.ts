// One client: a cookie jar, and one operation at a time, each sent to the next server in turn.

import type { Answer, LoadClient, OutgoingRequest } from '../../../../src/tour/load/client.ts'
import { type Cookies, cookieHeader, takeCookies } from '../../../../src/tour/load/cookies.ts'

export class Session {
  readonly number: number
  readonly user: string
  operations = 0
  readonly #cookies: Cookies = new Map()
  #turn: number

  constructor(number: number, user: string) {
    this.number = number
    this.user = user
    this.#turn = number
  }

  /** The next server; every session begins at another one. */
  nextOf<T>(servers: readonly T[]): T {
    return servers[this.#turn++ % servers.length] as T
  }

  async send(client: LoadClient, request: OutgoingRequest, timeoutMs: number): Promise<Answer> {
    const headers = { ...request.headers, ...cookieHeader(this.#cookies) }
    const answer = await client.send({ ...request, headers }, timeoutMs)
    takeCookies(this.#cookies, answer.setCookie)
    return answer
  }
}
