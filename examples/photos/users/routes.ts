// Signing up, logging in and out, who am I, who is that.

import { nameBody, read, userIdOf } from '../input.ts'
import type { AppTiers } from '../tiers.ts'
import { logIn, signUp } from './account.ts'
import { requireUser, startSession } from './current.ts'
import { profileOf } from './profile.ts'

export function userRoutes(tiers: AppTiers): void {
  const { http, db, kpi } = tiers
  http.post('/api/signup', async (request, reply) => {
    const account = await signUp(tiers, request, read(nameBody, request.body, 'body').name)
    startSession(request, account)
    kpi.count('signups')
    return reply.code(201).send(account)
  })

  http.post('/api/login', async (request) => {
    const account = await logIn(db, read(nameBody, request.body, 'body').name)
    startSession(request, account)
    return account
  })

  http.post('/api/logout', async (request, reply) => {
    request.session.destroy()
    return reply.code(204).send()
  })

  http.get('/api/me', async (request) => {
    const { id, name } = await profileOf(db, requireUser(request).id)
    return { id, name }
  })

  http.get('/api/users/:id', async (request) => await profileOf(db, userIdOf(request.params)))
}
