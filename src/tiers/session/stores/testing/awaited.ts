// What tests of the store use: a store's methods awaited, and an engine of which one method fails.

import { TenfoldError } from '../../../../base/errors.ts'
import type { SessionEngine } from '../../contract.ts'
import type { LibrarySession } from '../loaded.ts'
import type { SessionStore } from '../session-store.ts'

/** The methods of a store, awaited. */
export function awaited(store: SessionStore) {
  const call =
    <T>(begin: (done: (error: unknown, value?: T | null) => void) => void) =>
    () =>
      new Promise<T | undefined>((resolve, reject) =>
        begin((error, value) => (error ? reject(error) : resolve(value ?? undefined))),
      )
  return {
    get: (sid: string) => call<LibrarySession & Record<string, unknown>>((done) => store.get(sid, done))(),
    set: (sid: string, session: object) => call<void>((done) => store.set(sid, session, done))(),
    touch: (sid: string, session: object) => call<void>((done) => store.touch(sid, session, done))(),
    destroy: (sid: string) => call<void>((done) => store.destroy(sid, done))(),
  }
}

/** The engine, but that the method finds no database. */
export function without(engine: SessionEngine, method: keyof SessionEngine): SessionEngine {
  const refuse = async () => {
    throw new TenfoldError('unavailable', `no database for ${method}`)
  }
  return new Proxy(engine, {
    get(target, name) {
      if (name === method) return refuse
      const own = Reflect.get(target, name)
      return typeof own === 'function' ? own.bind(target) : own
    },
  })
}
