// Idempotency-Key: a request that is repeated runs once and is answered alike (draft-ietf-httpapi-idempotency-key-header).
//
// The key is a row that the work's own transaction writes first. A repetition at the same time waits for that
// transaction at the unique index; then it finds the answer, or, when the first one failed, runs in its place. In one process
// repetitions wait for the first one before they begin: each that waits at the index has a connection of the pool, and the
// first one may need another of them to get to its end.

import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { sql, type Transaction } from 'kysely'
import { type ErrorCode, isTenfoldError, TenfoldError } from '../../base/errors.ts'
import type { Database, SlotDatabase } from '../database/contract.ts'

const keptForMs = 86_400_000
const pauseMs = 50

interface OnceTables {
  tenfold_once: { slot_key: number; key: string; fingerprint: string; answer: { value?: unknown } | null }
}

export interface OnceOptions {
  /** A whole number that PostgreSQL hashes into the slot. */
  keyOfSlot(slot: number): number
  /** How long a transaction of unknown outcome is repeated: its key tells whether it happened. */
  repeatMsMax(): number
}

export type Once<DB> = <T>(
  request: FastifyRequest,
  db: SlotDatabase<DB>,
  work: (tx: Transaction<DB>) => Promise<T>,
) => Promise<T>

export function openOnce<DB>({ keyOfSlot, repeatMsMax }: OnceOptions): Once<DB> {
  const firsts = new Firsts()
  return async <T>(request: FastifyRequest, db: SlotDatabase<DB>, work: (tx: Transaction<DB>) => Promise<T>) => {
    const given = request.headers['idempotency-key']
    if (given === undefined) return db.transaction(work)
    const key = keyOf(request.session?.userId, checkKey(given))
    const slotKey = keyOfSlot(db.slot)
    const fingerprint = fingerprintOf(request)
    const run = async (tx: Transaction<DB>) => {
      const own = tx as unknown as Transaction<OnceTables>
      const first = await own
        .insertInto('tenfold_once')
        .values({ slot_key: slotKey, key, fingerprint, answer: null })
        .onConflict((conflict) => conflict.doNothing())
        .returning('key')
        .executeTakeFirst()
      if (!first) return repeat<T>(own, slotKey, key, fingerprint)
      const value = await work(tx)
      await own
        .updateTable('tenfold_once')
        .set({ answer: sql`${JSON.stringify({ value })}::jsonb` })
        .where('slot_key', '=', slotKey)
        .where('key', '=', key)
        .execute()
      return value
    }
    return firsts.run(`${slotKey}:${key}`, () => untilKnown(() => db.transaction(run), repeatMsMax()))
  }
}

/** One of those who come at the same time goes first; when it has succeeded, the others go at once, else one by one. */
class Firsts {
  readonly #underWay = new Map<string, Promise<boolean>>()

  async run<T>(id: string, work: () => Promise<T>): Promise<T> {
    for (let first = this.#underWay.get(id); first; first = this.#underWay.get(id)) if (await first) return work()
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#underWay.set(id, promise)
    let isDone = false
    try {
      const result = await work()
      isDone = true
      return result
    } finally {
      this.#underWay.delete(id)
      resolve(isDone)
    }
  }
}

/**
 * A primary that dies under COMMIT leaves nobody who knows whether it happened, but for the key: it is there, or it is not.
 * Only an answer that says so ends the doubt; whoever cannot be asked leaves it as it was.
 */
async function untilKnown<T>(run: () => Promise<T>, limitMs: number): Promise<T> {
  const startedAt = performance.now()
  let doubt: TenfoldError | undefined
  for (;;) {
    try {
      return await run()
    } catch (error) {
      if (isTenfoldError(error, 'outcome-unknown')) doubt = error
      else if (!isTenfoldError(error) || !noAnswers.has(error.code)) throw error
      if (doubt === undefined || performance.now() - startedAt >= limitMs) throw doubt ?? error
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}

const noAnswers: ReadonlySet<ErrorCode> = new Set(['timeout', 'unavailable', 'overloaded'])

/** Forgets keys that are older than a day. */
export async function sweepOnce<DB>(database: Pick<Database<DB>, 'slot'>, slotCount: number): Promise<void> {
  const own = database as unknown as Pick<Database<OnceTables>, 'slot'>
  const isOld = sql<boolean>`created_at < now() - ${keptForMs}::float8 * interval '1 ms'`
  for (let slot = 0; slot < slotCount; slot++) await own.slot(slot).deleteFrom('tenfold_once').where(isOld).execute()
}

async function repeat<T>(tx: Transaction<OnceTables>, slotKey: number, key: string, fingerprint: string): Promise<T> {
  const kept = await tx
    .selectFrom('tenfold_once')
    .select(['fingerprint', 'answer'])
    .where('slot_key', '=', slotKey)
    .where('key', '=', key)
    .executeTakeFirst()
  if (!kept) throw new TenfoldError('conflict', 'this Idempotency-Key was being forgotten; send the request again')
  if (kept.fingerprint !== fingerprint)
    throw new TenfoldError('conflict', 'this Idempotency-Key was used for another request; choose a new key')
  return kept.answer?.value as T
}

/** Two users may choose one key. No user's name ends where another's goes on: `a:b` with `c` is not `a` with `b:c`. */
function keyOf(userId = '', given: string): string {
  const name = userId.replace(/[%:]/g, encodeURIComponent)
  return `${name}:${given}`
}

function checkKey(given: string | string[]): string {
  if (typeof given === 'string' && /^[\x21-\x7e]{1,255}$/.test(given)) return given
  throw new TenfoldError('bad-input', 'Idempotency-Key must be 1 to 255 visible ASCII characters, given once')
}

function fingerprintOf({ method, url, body }: FastifyRequest): string {
  const hash = createHash('sha256').update(`${method} ${url}\n`)
  if (body instanceof Uint8Array) hash.update(body)
  else if (body !== undefined) hash.update(JSON.stringify(body))
  return hash.digest('base64url')
}
