// What an app said of its queues: the shape of their payloads, and how many jobs may wait.

import { TenfoldError } from '../../base/errors.ts'
import type { Payload, PayloadSchema, QueueDefinition, QueueEngine } from './contract.ts'
import { checkQueueName } from './options.ts'
import { checkSchema, fit } from './payload-schema.ts'
import { WaitingLimits } from './waiting-limit.ts'

export class Definitions {
  readonly #schemas = new Map<string, PayloadSchema | undefined>()
  readonly #waiting: WaitingLimits

  constructor(engine: Pick<QueueEngine, 'depth'>, terms: ConstructorParameters<typeof WaitingLimits>[1]) {
    this.#waiting = new WaitingLimits(engine, terms)
  }

  /** @throws bad-input, conflict */
  add<Input extends Payload, Output extends Payload>(queue: string, definition: QueueDefinition<Input, Output>): void {
    checkQueueName(queue)
    if (this.#schemas.has(queue)) throw new TenfoldError('conflict', `queue ${queue} is defined already`)
    const { schema, waitingMax } = definition
    if (schema !== undefined) checkSchema(queue, schema)
    if (waitingMax !== undefined) this.#waiting.set(queue, waitingMax)
    this.#schemas.set(queue, schema)
  }

  /** Undefined where the queue has no schema. */
  fitOf(queue: string): ((payload: Payload) => Payload | Promise<Payload>) | undefined {
    const schema = this.#schemas.get(queue)
    return schema && ((payload) => fit(queue, schema, payload))
  }

  /** Undefined where there is nothing to wait for. @throws overloaded */
  admit(queue: string, count: number, isInTransaction: boolean): Promise<void> | undefined {
    return this.#waiting.admit(queue, count, isInTransaction)
  }
}
