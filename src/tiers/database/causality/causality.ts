// The scope that a statement belongs to: the one that its request runs in, found by AsyncLocalStorage.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Causality } from '../contract.ts'
import { Scope } from './scope.ts'

const storage = new AsyncLocalStorage<Scope>()

export function currentScope(): Scope | undefined {
  return storage.getStore()
}

export const causality: Causality = {
  open: (token) => new Scope(token),
  run: (scope, work) => storage.run(scope as Scope, work),
}
