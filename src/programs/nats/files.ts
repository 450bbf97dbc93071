// What one NATS server of ours has on disk. The directory is closed to everybody but the user that the server runs as: it
// holds every password, and the messages.

import { join, resolve } from 'node:path'
import type { ServerFiles } from '../find-server.ts'
import { findUnprivileged, type Unprivileged } from '../private-files.ts'

export interface NatsFiles extends ServerFiles {
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
