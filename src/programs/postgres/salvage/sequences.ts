// Moves sequences on to where the dead primary had them, so that no later insert is given a number that a replayed row
// has already. A sequence never goes back, and a gap in it harms nobody.

import { type Client, escapeIdentifier } from 'pg'
import type { SalvageHeader } from './format.ts'

/** Numbers are taken one by one, as an insert does: setting the sequence could push it back under a running insert. */
const stepsMax = 1_000_000n

/** Answers what it could not do. May be called again. */
export async function catchUpSequences(client: Client, sequences: SalvageHeader['sequences']): Promise<string[]> {
  const notes: string[] = []
  for (const { schema, name, lastValue } of sequences) {
    const { rows } = await client.query<{ last: string; step: string }>(
      `SELECT coalesce(last_value, start_value - increment_by)::text AS last, increment_by::text AS step FROM pg_sequences
       WHERE schemaname = $1 AND sequencename = $2 AND NOT cycle`,
      [schema, name],
    )
    const [found] = rows
    if (!found) continue // gone, or one that begins anew by itself
    const step = BigInt(found.step)
    const missing = (BigInt(lastValue) - BigInt(found.last)) / step
    if (missing <= 0n) continue
    const sequence = `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`
    if (missing > stepsMax) {
      notes.push(
        `the sequence ${schema}.${name} is at ${found.last}, on the dead primary it was at ${lastValue}: set it`,
      )
      continue
    }
    await client.query('SELECT count(nextval($1::regclass)) FROM generate_series(1, $2::int)', [
      sequence,
      String(missing),
    ])
  }
  return notes
}
