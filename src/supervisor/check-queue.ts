// Whether brokers of the queue could start on this machine, and processes speak to them, before any is told of a topology.

import { findNats } from '../programs/nats/binary.ts'
import { loadNatsClient } from '../programs/nats/client.ts'
import { loadJetStreamClient } from '../tiers/queue/engines/jetstream/client.ts'

/** @throws program-missing, with the package that brings it. */
export async function checkQueue(): Promise<void> {
  await findNats()
  await loadNatsClient()
  await loadJetStreamClient()
}
