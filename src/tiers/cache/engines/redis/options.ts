// What can be set about the redis engine, with its bounds.

import type { RedisAddress } from '../../../../programs/redis/contract.ts'

/**
 * Where the values are. `nodes`: one server, or several that know nothing of each other, with the keys spread over them.
 * `sentinel`: one primary at a time, which Sentinels name. `cluster`: a Redis Cluster, of which some nodes are given.
 */
export type RedisServers =
  | { kind: 'nodes'; nodes: readonly RedisAddress[] }
  | { kind: 'sentinel'; sentinels: readonly RedisAddress[]; primaryName: string; sentinelPassword?: string }
  | { kind: 'cluster'; nodes: readonly RedisAddress[] }

export interface RedisCacheOptions {
  servers: RedisServers
  username: string
  password: string
  /** Before every key, so that several systems can share a server. Default `tenfold:`. */
  prefix?: string
  limits?: Partial<RedisCacheLimits>
  /** A server answers and lets us not in: all its keys are missing until somebody mends that. Once for each connection to it. */
  onRefused?(error: Error, server: RedisAddress): void
}

export interface RedisCacheLimits {
  /** Nobody waits longer than this for a server: what takes longer is a miss. */
  callMsMax: number
  /** Calls that one server has not answered; more are misses at once, so that no queue grows before one that is slow. */
  callsMax: number
  /** A server that has answered nothing for this long although it was asked: a new connection is tried. */
  hangMsMax: number
  connectMsMax: number
  /** Between two tries to connect; each waits by chance up to twice as long as the one before. */
  reconnectMsMin: number
  reconnectMsMax: number
  /** A value that is larger when serialised is not kept. */
  valueBytesMax: number
  /** Keys whose change did not reach their server, kept to be deleted there; if there are more, everything is. */
  owedMax: number
  /** A value that lies on a server that is not its own, because that one is down, is kept no longer than this. */
  strayMsMax: number
  /** A server that is back gets its keys one share after the other, all of them after this. */
  returnMs: number
}

export const redisCacheLimits: RedisCacheLimits = {
  callMsMax: 50,
  callsMax: 2000,
  hangMsMax: 500,
  connectMsMax: 500,
  reconnectMsMin: 50,
  reconnectMsMax: 1000,
  valueBytesMax: 1024 * 1024,
  owedMax: 10_000,
  strayMsMax: 10_000,
  returnMs: 3000,
}
