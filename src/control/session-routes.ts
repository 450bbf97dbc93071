// Sessions in the control API: of one user, listed and revoked; and a new key for cookies.

import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { TenfoldError } from '../base/errors.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import { bodies, sessionsQuery } from './openapi.ts'

export function addSessionRoutes(http: FastifyInstance, { sessions }: Pick<Supervisor, 'sessions'>): void {
  http.get('/api/sessions', async (request) => ({
    sessions: await sessions.list(parse(sessionsQuery, request.query, 'a user is named by ?user=').user),
  }))
  http.post('/api/sessions/revoke', async (request) =>
    sessions.revoke(parse(bodies.revoke, request.body, 'what is revoked is one of user, id')),
  )
  http.post('/api/sessions/rotate-key', async (request) =>
    sessions.rotateKey(parse(bodies.rotateKey, request.body ?? {}, 'old keys stay, or go by dropsOld')),
  )
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown, expected: string): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  const problems = error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
  throw new TenfoldError('bad-input', `${expected}; ${problems.join('; ')}`)
}
