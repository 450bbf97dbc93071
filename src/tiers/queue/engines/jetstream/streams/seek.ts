// Finds where a lane goes on behind a position, by halves: the positions of a lane grow with their sequence.

import type { JetStreamManager } from '@nats-io/jetstream'
import { positionOf } from './message.ts'

/** The first sequence that may hold something behind `position`; the next one to be given when there is nothing yet. */
export async function sequenceBehind(
  manager: JetStreamManager,
  stream: string,
  subject: string,
  position: string,
): Promise<number> {
  const { state } = await manager.streams.info(stream)
  const last = await manager.direct.getMessage(stream, { last_by_subj: subject }).catch(() => null)
  if (!last || (positionOf(last.header) ?? '') <= position) return state.last_seq + 1
  let low = Math.max(1, state.first_seq)
  let high = last.seq
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const message = await manager.direct.getMessage(stream, { seq: middle, next_by_subj: subject })
    if (message && (positionOf(message.header) ?? '') <= position) low = message.seq + 1
    else high = middle
  }
  return low
}
