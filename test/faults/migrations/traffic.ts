// An app's traffic for tests of migrations: writers and readers on the leaves of one sharded table, as the router sends
// them, each statement timed by whoever waits for it.

import { connectAs, type TestPostgres } from '../../../src/programs/postgres/testing.ts'

const keys = 500
/** Between two statements of one client; the machine has work of its own. */
const thinkMs = 3

export interface Traffic {
  readonly statements: number
  readonly longestMs: number
  readonly errors: readonly unknown[]
  /** Forgets the longest wait so far. */
  beginPhase(): void
  stop(): Promise<void>
}

export async function startTraffic(
  server: TestPostgres,
  clients: { writers: number; readers: number },
): Promise<Traffic> {
  const errors: unknown[] = []
  let statements = 0
  let longestMs = 0
  let isStopped = false
  const leaves = Array.from({ length: 64 }, (_, slot) => `slot_${String(slot).padStart(3, '0')}.photos`)

  const drive = async (seed: number, isWriter: boolean) => {
    await using client = await connectAs(server, 'app')
    for (let round = seed; !isStopped; round += 7) {
      const leaf = leaves[round % leaves.length] as string
      const sql = isWriter
        ? `UPDATE ${leaf} SET likes = likes + 1 WHERE ctid IN (SELECT ctid FROM ${leaf} OFFSET ${round % keys} LIMIT 1)`
        : `SELECT count(*) FROM (SELECT FROM ${leaf} LIMIT 100)`
      const started = performance.now()
      try {
        await client.query(sql)
        statements++
      } catch (error) {
        errors.push(error)
        if (errors.length > 20) return
      }
      longestMs = Math.max(longestMs, performance.now() - started)
      await new Promise((resolve) => setTimeout(resolve, thinkMs))
    }
  }
  const driven = [
    ...Array.from({ length: clients.writers }, (_, i) => drive(i, true)),
    ...Array.from({ length: clients.readers }, (_, i) => drive(i + 31, false)),
  ]
  return {
    get statements() {
      return statements
    },
    get longestMs() {
      return longestMs
    },
    errors,
    beginPhase() {
      longestMs = 0
    },
    async stop() {
      isStopped = true
      await Promise.all(driven)
    },
  }
}
