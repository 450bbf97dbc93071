// What a request with an unsafe method changed (RFC 9111, 4.4): its own URL, and those on the same host that its answer names
// as the place of what it made.

import type { AnswerHead } from '../../net/http1/answer-head.ts'
import type { Exchange } from '../../net/http1/exchange.ts'
import type { Asking, EdgeParts } from './edge-parts.ts'
import type { Fetches } from './fetches.ts'
import { keyBeside, keyOf } from './key.ts'
import { changedMs } from './limits.ts'
import type { PassWatcher } from './pass.ts'
import { targetUnder } from './rules.ts'

export function invalidate(edge: Asking): PassWatcher {
  return {
    answered(exchange, head) {
      // An error has changed nothing.
      if (head.status < 200 || head.status >= 400) return
      for (const key of changedKeys(edge, exchange, head)) drop(edge, key)
    },
    refused: () => false,
  }
}

function changedKeys({ parts: { rules } }: Asking, exchange: Exchange, head: AnswerHead): Set<string> {
  const targetOf = (target: string) => targetUnder(rules.find(target), target)
  const own = keyOf(exchange, targetOf(exchange.request.path))
  const keys = new Set([own])
  for (const name of ['location', 'content-location']) {
    const index = head.find(name)
    const key = index < 0 ? undefined : keyBeside(own, head.value(index), targetOf)
    if (key !== undefined) keys.add(key)
  }
  return keys
}

function drop({ parts, fetches }: Asking, key: string): void {
  letGo(parts, [fetches], key)
  parts.onInvalidated?.(key)
}

/** It was changed, as seen here or by another front. Nothing is written down of it: what must be gone is purged. */
export function letGo({ store, changed }: EdgeParts, fetches: Iterable<Fetches>, key: string): void {
  for (const kept of [...store.find(key)]) store.remove(kept)
  changed.add(key, changedMs)
  for (const each of fetches) each.outdate(key)
}
