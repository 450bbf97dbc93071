// What one NATS server of ours has on disk. The directory is closed to everybody but the user that the server runs as: it
// holds every password, and the messages.

import { join, resolve } from 'node:path'
import { findUnprivileged, type Unprivileged } from '../private-files.ts'

export interface NatsFiles {
  dir: string
  configuration: string
  /** Written by the server when it starts, removed when it stops in order. */
  pid: string
  log: string
  /** Streams, and what it has agreed on with the others. */
  store: string
}

export function natsFilesOf(directory: string): NatsFiles {
  const dir = resolve(directory)
  return {
    dir,
    configuration: join(dir, 'nats.conf'),
    pid: join(dir, 'nats.pid'),
    log: join(dir, 'nats.log'),
    store: join(dir, 'store'),
  }
}

/** Undefined when we are not root, or there is no such user: the server then runs as ourselves. */
export function findNatsOwner(): Promise<Unprivileged | undefined> {
  return findUnprivileged(['nats', 'nobody'])
}
