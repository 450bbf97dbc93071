// Payloads held against the schema of their queue, when they are published and again before they are handled: what was
// published by yesterday's app may not fit today's.

import { TenfoldError } from '../../base/errors.ts'
import type { Payload, PayloadSchema, SchemaResult } from './contract.ts'

const issuesShownMax = 5

/** What the schema made of it. @throws bad-input that says what does not fit */
export function fit(queue: string, schema: PayloadSchema, payload: unknown): Payload | Promise<Payload> {
  const result = schema['~standard'].validate(payload)
  return result instanceof Promise ? result.then((late) => outputOf(queue, late)) : outputOf(queue, result)
}

function outputOf(queue: string, result: SchemaResult<unknown>): Payload {
  if (!result.issues) return result.value as Payload
  const shown = result.issues.slice(0, issuesShownMax).map(({ message, path = [] }) => {
    const where = path.map((step) => (typeof step === 'object' && step !== null && 'key' in step ? step.key : step))
    return where.length > 0 ? `${where.map(String).join('.')}: ${message}` : message
  })
  const more = result.issues.length > shown.length ? `; and ${result.issues.length - shown.length} more` : ''
  throw new TenfoldError(
    'bad-input',
    `the payload does not fit the schema of queue ${queue}: ${shown.join('; ')}${more}`,
    // No further attempt would help.
    { details: { isHopeless: true } },
  )
}

/** @throws bad-input when it is none. */
export function checkSchema(queue: string, schema: unknown): void {
  const standard = (schema as PayloadSchema | undefined)?.['~standard']
  if (typeof standard?.validate !== 'function')
    throw new TenfoldError(
      'bad-input',
      `the schema of queue ${queue} does not speak Standard Schema (standardschema.dev)`,
    )
}
