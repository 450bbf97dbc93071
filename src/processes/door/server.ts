// The process's side of its door (contract.ts).

import { once } from 'node:events'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { dirname } from 'node:path'
import { describeError, type ErrorBody, isTenfoldError, statusOf, TenfoldError } from '../../base/errors.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import { doorFileOf, type Home } from '../../map/home.ts'
import type { LoggedPurge } from '../purges/purge-log.ts'
import type { QueueRequest } from '../queue/desk.ts'
import type { SessionRequest } from '../session-desk.ts'
import { type DoorHandlers, type DoorState, doorVersion, type HoldRequest, type ReachRequest } from './contract.ts'

const bodyBytesMax = 64 * 1024

export class DoorServer extends Lifecycle {
  readonly #file: string
  readonly #handlers: DoorHandlers
  readonly #server = createServer((request, response) => void this.#answer(request, response))

  constructor(home: Home, nodeId: string, handlers: DoorHandlers) {
    super()
    this.#file = doorFileOf(home, nodeId)
    this.#handlers = handlers
  }

  protected async open(): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 })
    await rm(this.#file, { force: true }) // left over by a process that was killed
    this.#server.listen(this.#file)
    await once(this.#server, 'listening')
    await chmod(this.#file, 0o600)
  }

  protected async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const answer = await this.#dispatch(`${request.method} ${request.url}`, request)
      send(response, 200, answer)
    } catch (error) {
      const code = isTenfoldError(error) ? error.code : 'unavailable'
      const body: ErrorBody = { error: { code, message: describeError(error) } }
      send(response, statusOf(error), body)
    }
  }

  async #dispatch(call: string, request: IncomingMessage): Promise<unknown> {
    const { applyMap, hold, release, reach, leaveEntry, purge, invalidate, edgeReport, cacheReport, startSupervisor } =
      this.#handlers
    switch (call) {
      case 'GET /state':
        return this.#state()
      case 'POST /map':
        await applyMap.call(this.#handlers)
        return this.#state()
      case 'POST /hold':
        if (hold) return hold.call(this.#handlers, (await readJson(request)) as HoldRequest)
        return { isDrained: true, inFlight: 0 }
      case 'POST /release':
        await release?.call(this.#handlers)
        return this.#state()
      case 'POST /reach':
        if (reach) return reach.call(this.#handlers, (await readJson(request)) as ReachRequest)
        return { isReached: false }
      case 'POST /leave-entry':
        await leaveEntry?.call(this.#handlers)
        return this.#state()
      case 'POST /purge':
        if (purge) {
          const { again, ...logged } = (await readJson(request)) as LoggedPurge & { again: boolean }
          return purge.call(this.#handlers, logged, { again })
        }
        return { objects: 0 }
      case 'POST /invalidate':
        await invalidate?.call(this.#handlers, ((await readJson(request)) as { urls: string[] }).urls)
        return {}
      case 'GET /edge':
        return edgeReport?.call(this.#handlers) ?? null
      case 'GET /cache':
        return cacheReport?.call(this.#handlers) ?? null
      case 'POST /sessions': {
        const { sessions } = this.#handlers
        if (!sessions) break
        return sessions.call(this.#handlers, (await readJson(request)) as SessionRequest)
      }
      case 'POST /queue': {
        const { queue } = this.#handlers
        if (!queue) break
        return queue.call(this.#handlers, (await readJson(request)) as QueueRequest)
      }
      case 'POST /supervisor': {
        if (!startSupervisor) break
        const { args } = (await readJson(request)) as { args: string[] }
        return startSupervisor.call(this.#handlers, args)
      }
    }
    throw new TenfoldError('not-found', `this door does not know ${call}`)
  }

  #state(): DoorState {
    return { ...this.#handlers.state(), pid: process.pid, version: doorVersion }
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request) {
    text += chunk
    if (text.length > bodyBytesMax) throw new TenfoldError('too-large', `a door call is at most ${bodyBytesMax} bytes`)
  }
  return JSON.parse(text || '{}')
}
