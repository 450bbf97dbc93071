// Where the truth lies: a Redis of its own that no fault touches, which keeps the names of all writes of a key in their
// order. It does one thing after the other, so that what it answered before something else was asked is older.

import { loadRedisClient } from '../../../src/programs/redis/client.ts'
import { isDeletion } from './operation.ts'

const scanCount = 1000

export interface TruthAddress {
  port: number
  password: string
}

export async function openTruth({ port, password }: TruthAddress) {
  const { createClient } = await loadRedisClient()
  const client = createClient({ username: 'admin', password, socket: { host: '127.0.0.1', port } })
  client.on('error', () => {}) // told by the call that it met
  await client.connect()
  return {
    async write(key: string, name: string): Promise<void> {
      await client.rPush(key, name)
    },

    /** The name of the newest write; undefined when there was none, or it deleted. */
    async read(key: string): Promise<string | undefined> {
      const name = await client.lIndex(key, -1)
      return name === null || isDeletion(name) ? undefined : name
    },

    async everything(): Promise<Map<string, string[]>> {
      const all = new Map<string, string[]>()
      for await (const keys of client.scanIterator({ COUNT: scanCount }))
        for (const key of keys) all.set(key, await client.lRange(key, 0, -1))
      return all
    },

    close() {
      client.destroy()
    },
  }
}
