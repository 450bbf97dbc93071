// The scope that a statement belongs to: the one that its request runs in, found by AsyncLocalStorage.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Causality } from '../contract.ts'
import { NewestScope, Scope } from './scope.ts'

const storage = new AsyncLocalStorage<Scope>()

export function currentScope(): Scope | undefined {
  return storage.getStore()
}

/** For what outlives the request that happened to begin it: a timer, a connection. */
export function outsideOfScopes<T>(work: () => T): T {
  return storage.exit(work)
}

export const causality: Causality = {
  open: (token) => new Scope(token),
  run: (scope, work) => storage.run(scope as Scope, work),
  newest(work) {
    const scope = storage.getStore()
    return scope ? storage.run(new NewestScope(scope), work) : work()
  },
}
