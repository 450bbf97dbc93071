// Fills the app with people to look at: a few celebrities with a third of all followers, real JPEGs, likes and comments. Through
// the public API, as clients would; the same seed gives the same network, and running it again adds nothing.

import { TenfoldError } from 'tenfold'
import { PhotoClient } from './seeding/client.ts'
import { makePlan } from './seeding/plan.ts'
import { Seeding, type SeedReport } from './seeding/seeding.ts'

export const usersMax = 100_000

export interface SeedOptions {
  /** Where the app answers, e.g. http://127.0.0.1:8080. */
  baseUrl: string
  users: number
  seed?: number
  /** One line about a second's work. */
  onProgress?: (line: string) => void
  signal?: AbortSignal
}

/** May be repeated. @throws bad-input, unavailable */
export async function seed(options: SeedOptions): Promise<SeedReport> {
  const { baseUrl, users, seed: seedNumber = 1, onProgress = () => {}, signal } = options
  if (!Number.isInteger(users) || users < 1 || users > usersMax)
    throw new TenfoldError('bad-input', `users must be a whole number from 1 to ${usersMax}, got ${users}`)
  const plan = makePlan(users, seedNumber)
  const client = new PhotoClient(baseUrl, signal)
  try {
    return await new Seeding(client, plan, seedNumber, onProgress).run()
  } finally {
    await client.close()
  }
}
