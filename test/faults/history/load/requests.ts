// Each operation as a request to the app (app/app.ts), and what its answer shows.

import { randomUUID } from 'node:crypto'
import { TenfoldError } from '../../../../src/base/errors.ts'
import type { Random } from '../../../../src/base/random.ts'
import type { Answer, OutgoingRequest } from '../../../../src/tour/load/client.ts'
import type { Operation, Seen, Transfer } from '../operation.ts'

const accounts = 6
const amountMax = 100

export type Asked = Pick<Operation, 'id' | 'object' | 'key' | 'access' | 'transfer' | 'isKeyed'>

export function makeTransfer(random: Random): Transfer {
  const from = random.int(accounts)
  return { from, to: (from + 1 + random.int(accounts - 1)) % accounts, amount: 1 + random.int(amountMax) }
}

export function requestFor({ id, object, key, access, transfer, isKeyed }: Asked): OutgoingRequest {
  const path = { session: '/join', set: '/set', counter: '/counter', bank: `/banks/${key}`, list: `/lists/${key}` }[
    object
  ]
  if (access === 'read') return { method: 'GET', path, headers: {} }
  const body = object === 'session' ? { user: key } : { element: id, ...transfer }
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (isKeyed) headers['idempotency-key'] = randomUUID()
  return { method: 'POST', path, headers, body: JSON.stringify(body) }
}

/** @throws bad-input when an answer of 2xx is not what was promised. */
export function readAnswer({ object, access, id }: Asked, answer: Answer): Seen | undefined {
  const said = JSON.parse(answer.body.toString('utf8')) as Seen & { element?: number }
  if (access === 'write' && object !== 'counter') {
    if (object === 'session' || said.element === id) return undefined
    throw new TenfoldError('bad-input', `the answer to ${id} is about ${said.element}`)
  }
  const seen: Seen = {}
  if (object === 'counter') seen.value = Number(said.value)
  else seen.elements = said.elements?.map(Number) ?? []
  if (object === 'bank') seen.balances = said.balances ?? {}
  return seen
}
