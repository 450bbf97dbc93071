// Asks a server where it stands, in the same flight as the statement before it, so that it costs no round trip. The
// question is written behind the statement's Sync, so that it is answered after the commit, or after the read's
// snapshot; on a replica, where nothing commits, already behind its Execute, once both are prepared. An error of the
// statement then leaves it unanswered, and an error of its own is the statement's, whom the primary answers.
//
// floor: what the server's own next snapshot surely holds. ceiling: what no snapshot so far can have gone beyond.
// On a primary both are the flushed position: a commit is flushed before it becomes visible. (The insert position is
// wrong at a page's start: it counts the header of a page that an idle replica never gets.)
// A replica makes a commit visible a moment before it reports the record as replayed. Records have the same ends
// everywhere, and so one byte more than the report means the record after it. When everything received is replayed,
// nothing was halfway. Source: PostgreSQL 18, src/backend/access/transam/xlogrecovery.c, ApplyWalRecord.

import { parseLsn } from '../../../programs/postgres/lsn.ts'

export interface PositionReport {
  readonly isInRecovery: boolean
  readonly floor: bigint
  readonly ceiling: bigint
}

// The order of the columns is the order in which they are evaluated: received after replayed.
export const positionSql = `SELECT pg_is_in_recovery() AS recovering,
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END AS reached,
  pg_last_wal_receive_lsn() AS received`

const name = 'tenfold_position'

const text = (value: string) => Buffer.from(`${value}\0`)
const message = (type: string, ...parts: Buffer[]) => {
  const body = Buffer.concat(parts)
  const head = Buffer.from(`${type}....`)
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}
const noneOf = (lists: number) => Buffer.alloc(2 * lists)

/** Bind without parameters, Execute, Sync. */
export const askPosition = Buffer.concat([
  message('B', text(''), text(name), noneOf(3)),
  message('E', text(''), Buffer.alloc(4)),
  message('S'),
])
/** The same, parsed first: the first time on a connection. */
export const parseAndAskPosition = Buffer.concat([message('P', text(name), text(positionSql), noneOf(1)), askPosition])

/** Undefined when the server cannot say, as a replica that has replayed nothing. */
export function positionOf(
  isInRecovery: boolean,
  reached: string | null | undefined,
  received: string | null | undefined,
): PositionReport | undefined {
  if (!reached) return undefined
  const floor = floorOf(reached)
  return { isInRecovery, floor, ceiling: isInRecovery && received !== reached ? floor + 1n : floor }
}

/** Its row as it comes over the wire. */
export function positionOfRow([recovering, reached, received]: Array<string | null>): PositionReport | undefined {
  return positionOf(recovering === 't', reached, received)
}

let lastText = '0/0'
let lastFloor = 0n

/** Many reads are answered between two writes. */
function floorOf(reached: string): bigint {
  if (reached !== lastText) {
    lastFloor = parseLsn(reached)
    lastText = reached
  }
  return lastFloor
}

/** Its answer, as node-postgres's Client hands it over. The bytes of the question are on their way already. */
export class PositionAnswer {
  readonly name = ''
  readonly #done: (answer: PositionAnswer, error: Error | undefined) => void
  report: PositionReport | undefined

  constructor(done: (answer: PositionAnswer, error: Error | undefined) => void) {
    this.#done = done
  }

  submit(): null {
    return null
  }

  handleDataRow({ fields }: { fields: Array<string | null> }): void {
    this.report = positionOfRow(fields)
  }

  handleRowDescription(): void {}

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#done(this, undefined)
  }

  handleError(error: Error): void {
    this.#done(this, error)
  }

  handleEmptyQuery(): void {}

  handlePortalSuspended(): void {}

  handleCopyInResponse(): void {}

  handleCopyData(): void {}
}
