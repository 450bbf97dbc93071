// What the rest of the system may say about a NATS server that we start. Implemented beside this file, one idea a file.
//
// Users, each with a password of its own: `app` (the account that has JetStream, and nothing of the servers), `admin` (the
// system account: health and figures, none of the app's messages). Servers of a cluster come to each other as `route`.

export interface NatsAddress {
  address: string
  port: number
}

export interface NatsSecrets {
  admin: string
  app: string
  route: string
}

export interface NatsCluster {
  /** Servers with another one stay outside. */
  name: string
  /** Where this one listens for the others. */
  port: number
  /** Where all of them do, this one too: so many found the cluster together, and decide by majority from then on. */
  peers: readonly NatsAddress[]
}

export interface NatsSettings extends NatsAddress {
  /** Of its own, and the same at every start: by it the others know it again. */
  name: string
  /** Absent: a server of its own. A server that was one cannot join a cluster with what it has. */
  cluster?: NatsCluster | undefined
  /** What streams may take of the disk; three quarters of what is free at its start unless it is given. */
  storeBytesMax?: number | undefined
}

export interface NatsBinary {
  path: string
  /** As `nats-server --version` says it, for example 2.9.10. */
  version: string
}

/**
 * Whether a server of this version can put every message on the disk before it acknowledges it (`sync_interval: always`). Older
 * ones do that every two minutes: what they acknowledged since is lost when the machine goes down, not when the server does.
 */
export function syncsAlways(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 2 || (major === 2 && minor >= 10)
}
