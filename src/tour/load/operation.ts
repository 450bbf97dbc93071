// One thing that a virtual user does: the request, and what its answer must be.

import { TenfoldError } from '../../base/errors.ts'
import type { PersonEntry } from '../ledger.ts'
import type { Answer, OutgoingRequest } from './client.ts'
import { type Cookies, cookieHeader, takeCookies } from './cookies.ts'

export interface Operation {
  request: OutgoingRequest
  /** Takes an answer of 2xx into the ledger. @throws bad-input when it is not what was promised. */
  accept(answer: Answer): void
  /** A write that was sent and whose outcome is not known. */
  doubt(): void
}

export function readAs(person: PersonEntry, path: string, check: (answer: Answer) => void): Operation {
  return {
    request: { method: 'GET', path, headers: cookieHeader(person.cookies) },
    accept(answer) {
      takeCookies(person.cookies, answer.setCookie)
      check(answer)
    },
    doubt() {},
  }
}

export interface WriteParts {
  cookies: Cookies
  path: string
  /** JSON, or a photo. */
  body: Record<string, unknown> | Buffer
  idempotencyKey?: string
  accept: (answer: Answer) => void
  doubt: () => void
}

export function write({ cookies, path, body, idempotencyKey, accept, doubt }: WriteParts): Operation {
  const isPhoto = Buffer.isBuffer(body)
  return {
    request: {
      method: 'POST',
      path,
      headers: {
        ...cookieHeader(cookies),
        'content-type': isPhoto ? 'image/jpeg' : 'application/json',
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
      body: isPhoto ? body : JSON.stringify(body),
    },
    accept(answer) {
      takeCookies(cookies, answer.setCookie)
      accept(answer)
    },
    doubt,
  }
}

/** The answer's JSON object. */
export function jsonOf(answer: Answer): Record<string, unknown> {
  const value: unknown = JSON.parse(answer.body.toString('utf8'))
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  throw new TenfoldError('bad-input', `expected an object, got ${answer.body.toString('utf8').slice(0, 100)}`)
}

/** The id that a created thing was given. */
export function idOf(answer: Answer): string {
  const { id } = jsonOf(answer)
  if (typeof id === 'string' && id !== '') return id
  throw new TenfoldError('bad-input', `expected an id, got ${answer.body.toString('utf8').slice(0, 100)}`)
}

/** @throws bad-input when the answer speaks of something else than what was asked for. */
export function expectId(answer: Answer, id: string): void {
  const got = idOf(answer)
  if (got !== id) throw new TenfoldError('bad-input', `asked for ${id}, the answer is about ${got}`)
}
