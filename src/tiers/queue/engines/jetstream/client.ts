// The part of the official client that knows JetStream, an optional peer: loaded when somebody needs it, and not before.

import { TenfoldError } from '../../../../base/errors.ts'

/** @throws program-missing when it is not installed. */
export async function loadJetStreamClient(): Promise<typeof import('@nats-io/jetstream')> {
  try {
    return await import('@nats-io/jetstream')
  } catch (error) {
    throw new TenfoldError(
      'program-missing',
      'the JetStream client is not installed: npm install @nats-io/transport-node @nats-io/jetstream',
      { cause: error },
    )
  }
}
