// How a topology writes a time: whole milliseconds, within bounds.

import { z } from 'zod'

export function durationMs(min: number, max: number) {
  return z.int().min(min).max(max)
}
