// Who sends a request. The session remembers id and name at login, so that no page has to look them up.

import type { FastifyRequest } from 'fastify'
import { TenfoldError } from 'tenfold'
import type { Account } from './account.ts'

export function currentUser(request: FastifyRequest): Account | undefined {
  const id = request.session.userId
  const name = request.session.get('name')
  return id !== undefined && typeof name === 'string' ? { id, name } : undefined
}

/** @throws unauthorized without a session. */
export function requireUser(request: FastifyRequest): Account {
  const user = currentUser(request)
  if (!user) throw new TenfoldError('unauthorized', 'this needs a session: sign up or log in first')
  return user
}

export function startSession(request: FastifyRequest, account: Account): void {
  request.session.userId = account.id
  request.session.set('name', account.name)
}
