// The official client, an optional peer: loaded when somebody needs NATS, and not before.

import { TenfoldError } from '../../base/errors.ts'

/** @throws program-missing when it is not installed. */
export async function loadNatsClient(): Promise<typeof import('@nats-io/transport-node')> {
  try {
    return await import('@nats-io/transport-node')
  } catch (error) {
    throw new TenfoldError(
      'program-missing',
      'the NATS client is not installed: npm install @nats-io/transport-node @nats-io/jetstream',
      { cause: error },
    )
  }
}
