// Dead jobs published again, with all their attempts before them.
//
// First published, then dropped from the dead. Whoever dies in between leaves both, and the next one who tries publishes
// nothing: the deduplication id is made of the dead job's, and holds for days after.

import type { NewJob, QueueEngine } from '../contract.ts'
import type { DeadLetter, DeadLetters } from './contract.ts'

const windowMs = 7 * 86_400_000

/** Answers which were published again: those of the ids that were among the dead. May be called again, and at once. */
export async function redrive(
  engine: Pick<QueueEngine, 'publish'>,
  deadLetters: DeadLetters,
  ids: readonly string[],
): Promise<Array<{ deadId: string; id: string }>> {
  const letters = await deadLetters.find(ids)
  // In the order of their first publish: jobs of one key keep it.
  letters.sort((a, b) => a.publishedAt.getTime() - b.publishedAt.getTime() || (a.id < b.id ? -1 : 1))
  if (letters.length === 0) return []
  const published = await engine.publish(letters.map(newJob))
  await deadLetters.drop(letters.map(({ id }) => id))
  return letters.map(({ id }, i) => ({ deadId: id, id: published[i]?.id ?? id }))
}

function newJob({ id, queue, payload, key, priority, trace }: DeadLetter): NewJob {
  const options = { deduplicationId: `redrive:${id}`, deduplicationWindowMs: windowMs, priority }
  return { queue, body: JSON.stringify(payload), options: key === undefined ? options : { ...options, key }, trace }
}
