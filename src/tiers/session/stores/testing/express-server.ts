// express-session over our store before a handler, and what the tests that its suite has look at.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import type { SessionEngine } from '../../contract.ts'
import { type SessionStore, type SessionStoreOptions, sessionStoreFor } from '../session-store.ts'
import { awaited } from './awaited.ts'

const expressSession = createRequire(import.meta.url)('express-session')
const secret = 'a secret of the tests, of 32 letters and more'
export const minuteMs = 60_000
export const waitMs = 20_000

type Done = (error?: Error | null) => void

export interface Session extends Record<string, unknown> {
  id: string
  cookie: { originalMaxAge: number | null; expires: Date | null; maxAge: number | null }
  save(done: Done): void
  reload(done: Done): void
  regenerate(done: Done): void
  destroy(done: Done): void
  touch(): void
}

export type Request = IncomingMessage & { session: Session; sessionID: unknown }
export type Handle = (request: Request, response: ServerResponse) => void

interface Answer {
  status: number
  text: string
  /** To be sent back; empty when none was set. */
  cookie: string
  sid: string
  expires: string | undefined
}

export interface Served {
  store: SessionStore & NodeJS.EventEmitter
  stored: ReturnType<typeof awaited>
  /** Calls of the library. */
  calls: { get: number; set: number; touch: number }
  /** What it had to say after the answer was sent. */
  errors: Error[]
  get(path: string, cookie?: string): Promise<Answer>
}

interface Options {
  /** Behind the store of the library, and behind the one that looks at what is stored. */
  engine: SessionEngine
  database: SessionEngine
  [option: string]: unknown
}

/** A server with the library before a handler. */
export async function serve(t: TestContext, storeOptions: SessionStoreOptions, options: Options, handle: Handle) {
  const { engine, database, ...rest } = options
  const Store = sessionStoreFor(expressSession.Store as new () => NodeJS.EventEmitter)
  const store = new Store(engine, storeOptions)
  const calls = { get: 0, set: 0, touch: 0 }
  for (const name of ['get', 'set', 'touch'] as const) {
    const call = store[name].bind(store) as (...args: unknown[]) => void
    Object.assign(store, {
      [name]: (...args: unknown[]) => {
        calls[name]++
        call(...args)
      },
    })
  }
  const errors: Error[] = []
  const middleware = expressSession({ secret, resave: true, saveUninitialized: true, store, ...rest })
  const server = createServer((request, response) => {
    middleware(request, response, (error?: Error) => {
      if (!error) handle(request as Request, response)
      else if (response.headersSent) errors.push(error)
      else response.writeHead(500).end(error.message)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  const served: Served = {
    ...{ store, calls, errors },
    stored: awaited(new Store(database, storeOptions)),
    async get(path, cookie) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: cookie ? { cookie } : {} })
      const [set = ''] = response.headers.getSetCookie()
      const value = set.split(';')[0] as string
      return {
        status: response.status,
        text: await response.text(),
        cookie: value,
        sid: decodeURIComponent(value)
          .replace(/^connect\.sid=s:/, '')
          .replace(/\.[^.]*$/, ''),
        expires: /Expires=([^;]*)/.exec(set)?.[1],
      }
    },
  }
  return served
}

/** `the session's number`, which it keeps. */
export function numbering(): Handle {
  let count = 0
  return ({ session }, response) => {
    session['num'] ??= ++count
    response.end(`session ${session['num']}`)
  }
}

export const hitting: Handle = ({ session }, response) => {
  session['hit'] = true
  response.end('hit')
}

export const idle: Handle = (_request, response) => {
  response.end()
}

/** Until the clock shows another millisecond, so that another time is another one. */
export const tick = (since: number) =>
  waitUntil(() => Date.now() > since + 1, { what: 'another millisecond', timeoutMs: waitMs, intervalMs: 1 })
