// A value as tests hand it to an engine.

import type { Kept } from '../contract.ts'

export function keptOf(value: unknown, tags: readonly string[] = [], freshMs = 60_000): Kept {
  const freshUntil = Date.now() + freshMs
  return { value, freshUntil, calmUntil: freshUntil, loadMs: 0, tags }
}
