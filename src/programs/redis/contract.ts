// What the rest of the system may say about a Redis server that we start. Implemented beside this file, one idea a file.
//
// Users, each with a password of its own: `admin` (everything, the supervisor only), `app` (data, no administration),
// `replica` (the stream of changes, and nothing else). The user `default` is off: nobody comes in without a name.

export interface RedisAddress {
  address: string
  port: number
}

export interface RedisSecrets {
  admin: string
  app: string
  replica: string
}

/**
 * What happens when memory is full. A cache evicts; where values must not vanish (sessions, locks) the server refuses
 * writes instead.
 */
export type WhenFull = 'allkeys-lfu' | 'allkeys-lru' | 'volatile-lfu' | 'volatile-lru' | 'volatile-ttl' | 'noeviction'

export interface RedisSettings extends RedisAddress {
  memory: { bytesMax: number; whenFull: WhenFull }
  /** `aof` loses at most the last second, and only if the machine goes down; `off` keeps nothing over a restart. */
  persistence: 'off' | 'aof'
  replicaOf?: RedisAddress | undefined
  /** Writes are refused while fewer replicas than this follow closely, which fences a primary that was cut off. 0 by default. */
  replicasMin?: number | undefined
  /** As a node of a Redis Cluster, whose nodes talk to each other on `busPort`. */
  cluster?: { busPort: number } | undefined
  connectionsMax?: number | undefined
}

export interface RedisBinary {
  path: string
  /** As `redis-server --version` says it, for example 7.0.15. */
  version: string
}
