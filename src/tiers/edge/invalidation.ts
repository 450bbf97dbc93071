// What a request with an unsafe method changed (RFC 9111, 4.4): its own URL, and those on the same host that its answer names
// as the place of what it made.

import type { AnswerHead } from '../../net/http1/answer-head.ts'
import type { Exchange } from '../../net/http1/exchange.ts'
import type { Asking } from './edge-parts.ts'
import { keyBeside, keyOf } from './key.ts'
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
  const { path } = exchange.request
  const own = keyOf(exchange, targetUnder(rules.find(path), path))
  const keys = new Set([own])
  for (const name of ['location', 'content-location']) {
    const index = head.find(name)
    const key = index < 0 ? undefined : keyBeside(own, head.value(index))
    if (key !== undefined) keys.add(key)
  }
  return keys
}

function drop({ parts: { store, onInvalidated }, fetches }: Asking, key: string): void {
  const variants = [...store.find(key)]
  for (const kept of variants) store.remove(kept)
  fetches.outdate(key)
  onInvalidated?.(key)
}
