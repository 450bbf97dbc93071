// The connection and the client's functions over it, which go together everywhere.

import type { loadJetStreamClient } from '../client.ts'
import type { NatsLink } from '../link.ts'

export interface JetStreamApi {
  link: NatsLink
  api: Awaited<ReturnType<typeof loadJetStreamClient>>
}
