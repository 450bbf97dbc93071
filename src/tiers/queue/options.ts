// The defaults and bounds of a queue, in one place, and the checks of what callers give.

import { TenfoldError } from '../../base/errors.ts'
import type { HandleManyOptions, NewJob, Payload, PublishOptions, Rate } from './contract.ts'

export const handleDefaults = {
  concurrency: 4,
  attemptsMax: 8,
  leaseMs: 30_000,
  backoff: { baseMs: 1000, capMs: 300_000 },
  batchMax: 100,
  batchWaitMs: 0,
} as const

export const payloadBytesMax = 256 * 1024
export const delayMsMax = 366 * 86_400_000
export const deduplicationWindowMsMax = 30 * 86_400_000
export const priorityMax = 9
/** Jobs of one publishMany. */
export const publishManyMax = 10_000
/** A worker that finds nothing asks again after so long, twice as long each time up to the second figure. */
export const pollMsMin = 50
export const pollMsMax = 1000

const dayMs = 24 * 3_600_000
const bounds = {
  concurrency: [1, 1000],
  concurrencyMax: [1, 100_000],
  attemptsMax: [1, 1000],
  leaseMs: [100, dayMs],
  timeoutMs: [10, dayMs],
  heartbeatMs: [10, dayMs],
  batchMax: [1, 1000],
  batchWaitMs: [0, 60_000],
} as const
const rateCountMax = 1_000_000

type Defaulted = keyof typeof handleDefaults
/** Options with their defaults. */
export type HandleTerms = Required<Pick<HandleManyOptions, Defaulted>> & Omit<HandleManyOptions, Defaulted>

/** @throws bad-input that names the option. */
export function checkHandleOptions(queue: string, options: HandleManyOptions): HandleTerms {
  const terms: HandleTerms = { ...handleDefaults, ...options }
  const refuse = (problem: string): never => {
    throw new TenfoldError('bad-input', `${problem} (handler of queue ${queue})`)
  }
  for (const [name, [min, max]] of Object.entries(bounds)) {
    const value = terms[name as keyof typeof bounds]
    if (value !== undefined && (!Number.isInteger(value) || value < min || value > max))
      refuse(`${name} is ${value}; it must be ${min} to ${max}`)
  }
  const { backoff, rate, keyRate } = terms
  if (!(backoff.baseMs >= 0 && backoff.capMs >= 0 && backoff.capMs <= dayMs))
    refuse(`backoff is ${JSON.stringify(backoff)}; both are milliseconds, up to a day`)
  for (const [name, value] of Object.entries({ rate, keyRate }))
    if (value !== undefined && !isRate(value))
      refuse(`${name} is ${JSON.stringify(value)}; it is { count: 1 to ${rateCountMax}, perMs: 10 to ${dayMs} }`)
  return terms
}

function isRate({ count, perMs }: Rate): boolean {
  return Number.isInteger(count) && count >= 1 && count <= rateCountMax && perMs >= 10 && perMs <= dayMs
}

/** The job as an engine takes it. @throws bad-input, too-large */
export function checkJob(queue: string, payload: Payload, options: PublishOptions): NewJob {
  checkQueueName(queue)
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload))
    throw new TenfoldError('bad-input', `a job of ${queue} carries an object, got ${JSON.stringify(payload)}`)
  const text = jsonOf(queue, payload)
  // A Date, or whatever else has a toJSON of its own.
  if (text?.[0] !== '{') throw new TenfoldError('bad-input', `a job of ${queue} carries an object, got ${text}`)
  // A character is three bytes at most, so that most are not counted twice.
  if (text.length > payloadBytesMax / 3) {
    const bytes = Buffer.byteLength(text)
    if (bytes > payloadBytesMax)
      throw new TenfoldError(
        'too-large',
        `a job of ${queue} has ${bytes} bytes, the limit is ${payloadBytesMax}: store it and publish its id`,
      )
  }
  if (isUnstorable(text))
    throw new TenfoldError(
      'bad-input',
      `a job of ${queue} has text that no database stores: \\0 or half a surrogate pair`,
    )
  if (options !== noOptions) checkPublishOptions(queue, options)
  return { queue, body: text, options }
}

/** What `publish` is called with most. */
export const noOptions: PublishOptions = Object.freeze({})

function checkPublishOptions(queue: string, options: PublishOptions): void {
  const { delayMs = 0, priority = 0, key, deduplicationId, deduplicationWindowMs } = options
  const refuse = (problem: string): never => {
    throw new TenfoldError('bad-input', `${problem} (a job of queue ${queue})`)
  }
  if (!Number.isFinite(delayMs) || delayMs < 0 || delayMs > delayMsMax)
    refuse(`delayMs is ${delayMs}; it must be 0 to ${delayMsMax}`)
  if (!Number.isInteger(priority) || priority < 0 || priority > priorityMax)
    refuse(`priority is ${priority}; it must be 0 to ${priorityMax}`)
  if (key !== undefined && !isPrintable(key)) refuse('key must be 1 to 255 printable characters')
  if (deduplicationId !== undefined && !isPrintable(deduplicationId))
    refuse('deduplicationId must be 1 to 255 printable characters')
  if (deduplicationWindowMs === undefined) return
  if (deduplicationId === undefined) refuse('deduplicationWindowMs needs a deduplicationId')
  if (!(deduplicationWindowMs >= 0 && deduplicationWindowMs <= deduplicationWindowMsMax))
    refuse(`deduplicationWindowMs is ${deduplicationWindowMs}; it must be 0 to ${deduplicationWindowMsMax}`)
}

export function checkQueueName(queue: string): void {
  if (typeof queue !== 'string' || !/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$/.test(queue))
    throw new TenfoldError('bad-input', `${JSON.stringify(queue)} is not a queue's name: letters, digits, dots, dashes`)
}

function isPrintable(text: unknown): boolean {
  return typeof text === 'string' && /^[\x20-\x7e]{1,255}$/.test(text)
}

function jsonOf(queue: string, payload: Payload): string {
  try {
    return JSON.stringify(payload)
  } catch (cause) {
    throw new TenfoldError('bad-input', `a job of ${queue} carries what JSON cannot say: ${String(cause)}`, { cause })
  }
}

/**
 * PostgreSQL's text refuses the one and its jsonb both, and one refused row would fail the whole batch of strangers' jobs.
 * JSON.stringify writes `\ud...` for half a pair only; an even number of backslashes before it is text.
 */
function isUnstorable(json: string): boolean {
  return json.includes('\\u') && /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/.test(json)
}
