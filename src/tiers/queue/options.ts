// The defaults and bounds of a queue, in one place, and the checks of what callers give.

import { TenfoldError } from '../../base/errors.ts'
import type { HandleOptions, NewJob, Payload, PublishOptions } from './contract.ts'

export const handleDefaults = {
  concurrency: 4,
  attemptsMax: 8,
  leaseMs: 30_000,
  backoff: { baseMs: 1000, capMs: 300_000 },
} as const satisfies Required<HandleOptions>

export const payloadBytesMax = 256 * 1024
export const delayMsMax = 366 * 86_400_000
/** A worker that finds nothing asks again after so long, twice as long each time up to the second figure. */
export const pollMsMin = 50
export const pollMsMax = 1000

const bounds = { concurrency: [1, 1000], attemptsMax: [1, 1000], leaseMs: [100, 24 * 3_600_000] } as const

/** @throws bad-input that names the option. */
export function checkHandleOptions(queue: string, options: HandleOptions): Required<HandleOptions> {
  const whole = { ...handleDefaults, ...options }
  for (const [name, [min, max]] of Object.entries(bounds)) {
    const value = whole[name as keyof typeof bounds]
    if (!Number.isInteger(value) || value < min || value > max)
      throw new TenfoldError('bad-input', `${name} of queue ${queue} is ${value}; it must be ${min} to ${max}`)
  }
  return whole
}

/** The job as an engine takes it. @throws bad-input, too-large */
export function checkJob(queue: string, payload: Payload, options: PublishOptions): NewJob {
  const { delayMs = 0, deduplicationId } = options
  checkQueueName(queue)
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload))
    throw new TenfoldError('bad-input', `a job of ${queue} carries an object, got ${JSON.stringify(payload)}`)
  const text = JSON.stringify(payload)
  const bytes = Buffer.byteLength(text)
  if (bytes > payloadBytesMax)
    throw new TenfoldError(
      'too-large',
      `a job of ${queue} has ${bytes} bytes, the limit is ${payloadBytesMax}: store it and publish its id`,
    )
  if (isUnstorable(text))
    throw new TenfoldError(
      'bad-input',
      `a job of ${queue} has text that no database stores: \\0 or half a surrogate pair`,
    )
  if (!Number.isFinite(delayMs) || delayMs < 0 || delayMs > delayMsMax)
    throw new TenfoldError('bad-input', `delayMs of a job of ${queue} is ${delayMs}; it must be 0 to ${delayMsMax}`)
  if (deduplicationId !== undefined && !/^[\x20-\x7e]{1,255}$/.test(deduplicationId))
    throw new TenfoldError('bad-input', `deduplicationId of a job of ${queue} must be 1 to 255 printable characters`)
  return { queue, body: text, options }
}

export function checkQueueName(queue: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$/.test(queue))
    throw new TenfoldError('bad-input', `${JSON.stringify(queue)} is not a queue's name: letters, digits, dots, dashes`)
}

/**
 * PostgreSQL's jsonb refuses these escapes, and one refused row would fail the whole batch of strangers' jobs.
 * JSON.stringify writes `\ud...` for half a pair only; an even number of backslashes before it is text.
 */
function isUnstorable(json: string): boolean {
  return /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/.test(json)
}
