// The ways to a row that are compared: each opened once in a load process of its own, then asked for notes by their key.

import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { MapSubscription } from '../../src/map/subscription.ts'
import type { Database } from '../../src/tiers/database/contract.ts'
import { openDatabase } from '../../src/tiers/database/database.ts'
import { routerDefaults } from '../../src/tiers/database/options.ts'
import { DatabaseRouter } from '../../src/tiers/database/router.ts'
import type { Note } from './notes.ts'

export const ways = ['pg', 'router', 'tenfold', 'kysely', 'causal', 'anonymous', 'pgbouncer'] as const
export type Way = (typeof ways)[number]

/** Connections of a load process to one server, whichever way. */
export const poolMax = routerDefaults.poolMax

/** Nobody's connections end between two rounds. */
const idleMs = 600_000

/** Where the servers are. */
export interface Addresses {
  primaryPort: number
  pgBouncerPort: number | undefined
  /** Of the role `app`. */
  password: string
  /** The map of the primary alone, and of the primary with two replicas. */
  mapFile: string
  replicatedMapFile: string
}

export type Row = Record<string, unknown>

export interface Reader {
  read(note: Note): Promise<Row | undefined>
  close(): Promise<void>
}

interface Tables {
  notes: { id: string; title: string; body: string }
}

const openers: Record<Way, (addresses: Addresses) => Reader | Promise<Reader>> = {
  pg: ({ primaryPort, password }) => {
    const pool = openPool(primaryPort, password)
    return {
      read: async ({ id, text, name }) => (await pool.query({ name, text, values: [id] })).rows[0],
      close: () => pool.end(),
    }
  },

  router: async (addresses) => {
    const { router, close } = await openTenfold(addresses.mapFile, addresses)
    return { read: async ({ id, slot, text }) => (await router.query(slot, text, [id])).rows[0], close }
  },

  tenfold: async (addresses) => {
    const { db, close } = await openTenfold(addresses.mapFile, addresses)
    return { read: ({ id }) => noteOf(db, id), close }
  },

  // What a careful developer has without Tenfold who writes no SQL by hand either. Kysely prepares no named statements.
  kysely: ({ primaryPort, password }) => {
    const pool = openPool(primaryPort, password)
    const kysely = new Kysely<Record<string, Tables['notes']>>({ dialect: new PostgresDialect({ pool }) })
    return {
      read: ({ id, table }) => kysely.selectFrom(table).selectAll().where('id', '=', id).executeTakeFirst(),
      close: () => kysely.destroy(),
    }
  },

  // A user who wrote something, and whose every request since brings the token that says so.
  causal: async (addresses) => {
    const { db, close } = await openTenfold(addresses.replicatedMapFile, addresses)
    const writer = db.causality.open('unknown')
    await db.causality.run(writer, () =>
      db.of(1).updateTable('notes').set({ body: 'new' }).where('id', '=', '1').execute(),
    )
    const { token } = writer
    if (token === undefined || token === 'unknown') throw new Error(`the write left the token ${token}`)
    return { read: ({ id }) => db.causality.run(db.causality.open(token), () => noteOf(db, id)), close }
  },

  anonymous: async (addresses) => {
    const { db, close } = await openTenfold(addresses.replicatedMapFile, addresses)
    return { read: ({ id }) => db.causality.run(db.causality.open(undefined), () => noteOf(db, id)), close }
  },

  // The statement has no name: PgBouncer 1.18 does not carry prepared ones from one transaction to the next.
  pgbouncer: ({ pgBouncerPort, password }) => {
    if (pgBouncerPort === undefined) throw new Error('PgBouncer does not run')
    const pool = openPool(pgBouncerPort, password)
    return {
      read: async ({ id, text }) => (await pool.query({ text, values: [id] })).rows[0],
      close: () => pool.end(),
    }
  },
}

export function isWay(name: string): name is Way {
  if (name in openers) return true
  throw new Error(`there is no way ${name}; there are ${ways.join(', ')}`)
}

export async function openReader(way: Way, addresses: Addresses): Promise<Reader> {
  return openers[way](addresses)
}

function openPool(port: number, password: string): pg.Pool {
  const login = { host: '127.0.0.1', port, user: 'app', password, database: 'app' }
  return new pg.Pool({ ...login, max: poolMax, idleTimeoutMillis: idleMs })
}

async function openTenfold(mapFile: string, { password }: Addresses) {
  const map = new MapSubscription(mapFile)
  await map.start()
  const router = new DatabaseRouter({ map, secrets: { app: password }, node: 'r/web-1' }, { idleMs })
  await router.start()
  const close = async () => {
    await router.stop()
    await map.stop()
  }
  return { router, db: openDatabase<Tables>(router), close }
}

function noteOf(db: Database<Tables>, id: string): Promise<Row | undefined> {
  return db.of(id).selectFrom('notes').selectAll().where('id', '=', id).executeTakeFirst()
}
