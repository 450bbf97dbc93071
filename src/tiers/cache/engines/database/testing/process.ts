// The database of a test in a process of its own: the map and the passwords by environment.

import { MapSubscription } from '../../../../../map/subscription.ts'
import type { Database } from '../../../../database/contract.ts'
import { openDatabase } from '../../../../database/database.ts'
import { DatabaseRouter } from '../../../../database/router.ts'
import type { TestDatabase } from '../../../../database/testing.ts'

export function environmentOf({ mapFile, server }: TestDatabase): Record<string, string> {
  return { MAP: mapFile, SECRETS: JSON.stringify(server.secrets) }
}

export async function openFromEnvironment(): Promise<{ db: Database<unknown> }> {
  const { MAP = '', SECRETS = '{}' } = process.env
  const map = new MapSubscription(MAP)
  await map.start()
  const router = new DatabaseRouter({ map, secrets: JSON.parse(SECRETS), node: `r/web-${process.pid}` })
  await router.start()
  return { db: openDatabase(router) }
}
