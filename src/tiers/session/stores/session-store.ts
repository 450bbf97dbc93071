// A store for express-session and @fastify/session over any of our engines: an app that has one of them keeps it, and
// requests at the same time keep each other's fields.
//
// What is stored is what a request changed (loaded.ts). A session that was ended beside it stays ended. The field `userId`
// makes sessions findable by user, as in our own.

import { EventEmitter } from 'node:events'
import type { SessionEngine } from '../contract.ts'
import { touchShare } from '../session.ts'
import {
  changesOf,
  fieldsOf,
  isOnlyTime,
  type LibraryCookie,
  type LibrarySession,
  type Loaded,
  loadedOf,
  passOn,
  textsOf,
  toLibrary,
} from './loaded.ts'

/** Of a session whose cookie ends with the browser. */
const idleMsDefault = 86_400_000
/** Ten years; a date of JavaScript may lie further than a database can reckon. */
const idleMsMax = 10 * 365 * 86_400_000

export interface SessionStoreOptions {
  /** How long a session lives without use when its cookie has neither `maxAge` nor `expires`. Default a day. */
  idleMs?: number
  /**
   * Use alone is written when this share of the idle time is gone, and not with each request: a session then ends up to so
   * much early. 0 to 1, default a twentieth; 0 is each request, as stores do that keep the whole session.
   */
  touchShare?: number
}

type Done<T = void> = (error: unknown, value?: T) => void

/**
 * What these libraries call, each with a type of its own for sessions. Errors come by the callback, with our codes. All may
 * be called at once.
 */
export interface SessionStore {
  get<Session extends object>(sid: string, done: (error: unknown, session?: Session | null) => void): void
  set(sid: string, session: object, done?: Done): void
  touch(sid: string, session: object, done?: Done): void
  destroy(sid: string, done?: Done): void
}

type StoreBase = abstract new () => object

/**
 * The class of a store on the library's own base: `sessionStoreFor(session.Store)` for express-session. @fastify/session
 * needs none.
 */
export function sessionStoreFor<Base extends StoreBase = typeof EventEmitter>(
  base?: Base,
): new (
  engine: SessionEngine,
  options?: SessionStoreOptions,
) => InstanceType<Base> & SessionStore {
  const Parent = (base ?? EventEmitter) as unknown as new () => {
    createSession?(request: object, data: object): object
  }
  // express-session's base makes its objects in this method; what has no such method copies what it is given.
  const isCopied = Parent.prototype.createSession === undefined

  class Store extends Parent implements SessionStore {
    readonly #engine: SessionEngine
    readonly #idleMs: number
    readonly #touchShare: number

    constructor(engine: SessionEngine, options: SessionStoreOptions = {}) {
      super()
      this.#engine = engine
      this.#idleMs = options.idleMs ?? idleMsDefault
      this.#touchShare = options.touchShare ?? touchShare
    }

    get<Session extends object>(sid: string, done: (error: unknown, session?: Session | null) => void): void {
      const get = async () => {
        const stored = await this.#engine.load(sid)
        return stored && toLibrary(sid, stored, isCopied)
      }
      settle(get(), done as Done<LibrarySession | undefined>)
    }

    set(sid: string, session: object, done?: Done): void {
      settle(this.#save(sid, session), done)
    }

    touch(sid: string, session: object, done?: Done): void {
      settle(this.#touch(sid, session), done)
    }

    destroy(sid: string, done?: Done): void {
      settle(
        this.#engine.destroy(sid).then(() => undefined),
        done,
      )
    }

    override createSession(request: object, data: object): object {
      const session = super.createSession?.(request, data) ?? data
      passOn(data, session)
      return session
    }

    async #save(sid: string, session: LibrarySession): Promise<void> {
      const texts = textsOf(session)
      const loaded = loadedOf(sid, session)
      const idleMs = this.#idleMsOf(session.cookie)
      const turn = ++loaded.begun
      await this.#store(sid, loaded, texts, idleMs)
      if (turn > loaded.ended) Object.assign(loaded, { isStored: true, ended: turn, texts })
    }

    async #store(sid: string, loaded: Loaded, texts: ReadonlyMap<string, string>, idleMs: number): Promise<void> {
      if (idleMs <= 0) await this.#engine.destroy(sid)
      else if (!loaded.isStored) await this.#engine.create(sid, fieldsOf(texts), idleMs)
      else {
        const changes = changesOf(loaded.texts, texts)
        // A library that renews its cookie with each request says so each time.
        if (isOnlyTime(changes, loaded.texts, texts) && !this.#isTouchDue(loaded, idleMs)) return
        await this.#engine.merge(sid, changes, idleMs)
      }
    }

    async #touch(sid: string, session: LibrarySession): Promise<void> {
      const idleMs = this.#idleMsOf(session.cookie)
      if (idleMs <= 0) await this.#engine.destroy(sid)
      else if (this.#isTouchDue(loadedOf(sid, session), idleMs))
        await this.#engine.merge(sid, fieldsOf(textsOf({ ...(session.cookie && { cookie: session.cookie }) })), idleMs)
    }

    #isTouchDue({ idleLeftMs }: Loaded, idleMs: number): boolean {
      return idleLeftMs < idleMs * (1 - this.#touchShare)
    }

    #idleMsOf({ originalMaxAge, expires }: LibraryCookie = {}): number {
      if (Number.isFinite(originalMaxAge)) return Math.min(idleMsMax, originalMaxAge as number)
      const endsAt = expires instanceof Date || typeof expires === 'string' ? new Date(expires).getTime() : Number.NaN
      return Number.isNaN(endsAt) ? this.#idleMs : Math.min(idleMsMax, endsAt - Date.now())
    }
  }
  return Store as unknown as ReturnType<typeof sessionStoreFor<Base>>
}

/** On a tick of its own: what the callback throws is the app's, and no rejection of ours. */
function settle<T>(work: Promise<T>, done: Done<T> = () => {}): void {
  work.then(
    (value) => process.nextTick(done, null, value),
    (error: unknown) => process.nextTick(done, error),
  )
}
