// Where HAProxy listens, and how the configuration calls it.

import { isDeepStrictEqual } from 'node:util'
import type { ListenOn } from '../../contract.ts'

export interface Listener {
  on: ListenOn
  /** As it was asked for: port 0 is any that is free. */
  asked: ListenOn
  answersHealth: boolean
  tls: boolean
  /** Where it really is; of an inherited socket once HAProxy has said so. */
  at?: { address: string; port: number }
}

export function frontendName({ on }: Pick<Listener, 'on'>): string {
  return 'fd' in on ? `inherited-${on.fd}` : `at-${on.address.replace(/[^A-Za-z0-9.]/g, '_')}-${on.port}`
}

export function isAskedFor(listener: Listener, on: ListenOn): boolean {
  return isDeepStrictEqual(listener.asked, on)
}
