// One question to one server on a connection of its own: to find out where others are, before there is a link to them.

import { withTimeout } from '../../../../base/limits.ts'
import { loadRedisClient, openRedisClient } from '../../../../programs/redis/client.ts'
import type { RedisAddress } from '../../../../programs/redis/contract.ts'

export interface Credentials {
  username?: string | undefined
  password?: string | undefined
}

/** Of several, whoever answers first to have an answer. @throws an AggregateError when none has. */
export function askAny<T>(
  servers: readonly RedisAddress[],
  credentials: Credentials,
  question: readonly string[],
  { timeoutMs, read }: { timeoutMs: number; read(answer: unknown): T | undefined },
): Promise<T> {
  return Promise.any(
    servers.map(async (server) => {
      const answer = read(await ask(server, credentials, question, timeoutMs))
      if (answer === undefined) throw new Error(`${server.address}:${server.port} does not know`)
      return answer
    }),
  )
}

async function ask(
  { address, port }: RedisAddress,
  { username, password }: Credentials,
  question: readonly string[],
  timeoutMs: number,
): Promise<unknown> {
  const client = openRedisClient(await loadRedisClient(), {
    RESP: 2,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    socket: { host: address, port, connectTimeout: timeoutMs, reconnectStrategy: false },
    disableOfflineQueue: true,
  })
  client.on('error', () => {}) // told by the call that it met
  try {
    return await withTimeout(
      client.connect().then(() => client.sendCommand([...question])),
      timeoutMs,
      `${question[0]} at Redis ${address}:${port}`,
    )
  } finally {
    if (client.isOpen) client.destroy()
  }
}
