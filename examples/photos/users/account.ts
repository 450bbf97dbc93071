// Signing up and logging in. Name and user live in two slots, so no transaction holds both: the name is claimed first, then the
// user is made in a way that can be repeated. A crash between the two is healed by the next login.

import type { FastifyRequest } from 'fastify'
import { type Database, TenfoldError } from 'tenfold'
import { found } from '../fresh.ts'
import type { Schema } from '../schema.ts'
import type { AppTiers } from '../tiers.ts'
import { makeUserId } from './id.ts'

export interface Account {
  id: string
  name: string
}

const idAttemptsMax = 5

/** Once per Idempotency-Key. @throws conflict when somebody has the name. */
export async function signUp({ db, once }: AppTiers, request: FastifyRequest, name: string): Promise<Account> {
  const key = nameKey(name)
  const claim = await once(request, db.of(key), async (tx) => {
    const userId = makeUserId()
    await tx
      .insertInto('names')
      .values({ name_key: key, name, user_id: userId })
      .onConflict((conflict) => conflict.column('name_key').doNothing())
      .execute()
    const owner = await tx.selectFrom('names').select('user_id').where('name_key', '=', key).executeTakeFirstOrThrow()
    return { userId, isOurs: owner.user_id === userId }
  })
  if (!claim.isOurs)
    throw new TenfoldError('conflict', `the name "${name}" is taken: choose another one, or log in if it is yours`)
  return await ensureUser(db, { id: claim.userId, name })
}

/** @throws not-found when nobody has the name. */
export async function logIn(db: Database<Schema>, name: string): Promise<Account> {
  const key = nameKey(name)
  const claim = await found(db, key, (from) =>
    from.selectFrom('names').select(['name', 'user_id']).where('name_key', '=', key).executeTakeFirst(),
  )
  if (!claim) throw new TenfoldError('not-found', `nobody is called "${name}": sign up first`)
  return await ensureUser(db, { id: claim.user_id, name: claim.name })
}

/** Makes the user that a claimed name points to, if need be. When the id turns out to be someone else's, takes another. */
async function ensureUser(db: Database<Schema>, account: Account): Promise<Account> {
  let { id } = account
  for (let attempt = 1; attempt <= idAttemptsMax; attempt++) {
    const user = await findOrMakeUser(db, { ...account, id })
    if (user.name === account.name) return user
    const key = nameKey(account.name)
    const nextId = makeUserId()
    await db
      .of(key)
      .updateTable('names')
      .set({ user_id: nextId })
      .where('name_key', '=', key)
      .where('user_id', '=', id)
      .execute()
    id = nextId
  }
  throw new TenfoldError('unavailable', `no free id for "${account.name}" in ${idAttemptsMax} attempts: try again`)
}

async function findOrMakeUser(db: Database<Schema>, { id, name }: Account): Promise<Account> {
  const find = db.of(id).selectFrom('users').select(['user_id as id', 'name']).where('user_id', '=', id)
  const found = await find.executeTakeFirst()
  if (found) return found
  return await db.of(id).transaction(async (tx) => {
    await tx
      .insertInto('users')
      .values({ user_id: id, name })
      .onConflict((conflict) => conflict.column('user_id').doNothing())
      .execute()
    return await tx
      .selectFrom('users')
      .select(['user_id as id', 'name'])
      .where('user_id', '=', id)
      .executeTakeFirstOrThrow()
  })
}

/** Two names that look the same are the same: "Ada" and "ada" cannot both be taken. */
export function nameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase()
}
