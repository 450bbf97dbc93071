// The trace that what runs now belongs to: a W3C traceparent, carried from a request to the jobs that it causes, and from
// those to theirs.

import { AsyncLocalStorage } from 'node:async_hooks'

const storage = new AsyncLocalStorage<string>()

/** Undefined outside of any. */
export function currentTrace(): string | undefined {
  return storage.getStore()
}

/** Runs `work` in the trace: whatever it begins, too. Without one, it is just run. */
export function runInTrace<T>(traceparent: string | undefined, work: () => T): T {
  return traceparent === undefined ? work() : storage.run(traceparent, work)
}
