// The supervisor's side of a process's door (contract.ts).

import { request } from 'node:http'
import { type ErrorBody, type ErrorCode, errorCodes, TenfoldError } from '../../base/errors.ts'
import { doorFileOf, type Home } from '../../map/home.ts'
import type { EdgeReport } from '../../tiers/edge/contract.ts'
import type { CacheReport } from '../cache/report.ts'
import type { LoggedPurge } from '../purges/purge-log.ts'
import type { QueueAnswers, QueueRequest } from '../queue/desk.ts'
import type { SessionAnswer, SessionRequest } from '../session-desk.ts'
import type { DoorState, HoldAnswer, HoldRequest, ReachAnswer, ReachRequest } from './contract.ts'

const callTimeoutMs = 2000
/** All sessions of somebody who has thousands. */
const sessionsTimeoutMs = 20_000
/** Dead letters are published again by the hundred. */
const queueTimeoutMs = 20_000

export class DoorClient {
  readonly #home: Home
  readonly #nodeId: string

  constructor(home: Home, nodeId: string) {
    this.#home = home
    this.#nodeId = nodeId
  }

  state(): Promise<DoorState> {
    return this.#call('GET', '/state')
  }

  applyMap(): Promise<DoorState> {
    return this.#call('POST', '/map')
  }

  hold(hold: HoldRequest): Promise<HoldAnswer> {
    return this.#call('POST', '/hold', hold, hold.drainMs + callTimeoutMs)
  }

  release(): Promise<DoorState> {
    return this.#call('POST', '/release')
  }

  reach(reach: ReachRequest): Promise<ReachAnswer> {
    return this.#call('POST', '/reach', reach, reach.timeoutMs + callTimeoutMs)
  }

  leaveEntry(): Promise<DoorState> {
    return this.#call('POST', '/leave-entry')
  }

  purge(logged: LoggedPurge, { again = false } = {}): Promise<{ objects: number }> {
    return this.#call('POST', '/purge', { ...logged, again })
  }

  invalidate(urls: string[]): Promise<void> {
    return this.#call('POST', '/invalidate', { urls })
  }

  edgeReport(): Promise<EdgeReport | null> {
    return this.#call('GET', '/edge')
  }

  cacheReport(): Promise<CacheReport | null> {
    return this.#call('GET', '/cache')
  }

  sessions(request: SessionRequest): Promise<SessionAnswer> {
    return this.#call('POST', '/sessions', request, sessionsTimeoutMs)
  }

  queue<Kind extends QueueRequest['kind']>(
    request: Extract<QueueRequest, { kind: Kind }>,
    timeoutMs = queueTimeoutMs,
  ): Promise<QueueAnswers[Kind]> {
    return this.#call('POST', '/queue', request, timeoutMs)
  }

  startSupervisor(args: string[]): Promise<{ pid: number }> {
    return this.#call('POST', '/supervisor', { args })
  }

  #call<T>(method: string, path: string, body?: unknown, timeoutMs = callTimeoutMs): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) =>
        reject(new TenfoldError('unavailable', `${this.#nodeId} does not answer ${method} ${path}`, { cause }))
      const call = request(
        { socketPath: doorFileOf(this.#home, this.#nodeId), method, path, agent: false, timeout: timeoutMs },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            text += chunk
          })
          response.on('error', fail)
          response.on('end', () => {
            try {
              const answer = JSON.parse(text) as T | ErrorBody
              if (response.statusCode === 200) resolve(answer as T)
              else reject(asError((answer as ErrorBody).error, this.#nodeId))
            } catch (error) {
              fail(error)
            }
          })
        },
      )
      call.on('timeout', () => call.destroy(new TenfoldError('timeout', `no answer within ${timeoutMs} ms`)))
      call.on('error', fail)
      call.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }
}

function asError({ code, message }: ErrorBody['error'], nodeId: string): TenfoldError {
  const known = (errorCodes as readonly string[]).includes(code) ? (code as ErrorCode) : 'unavailable'
  return new TenfoldError(known, `${nodeId}: ${message}`)
}
