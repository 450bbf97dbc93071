// Signed requests to an S3 store: retried, bounded, their errors in the words of the stores' contract.

import { createHash } from 'node:crypto'
import { AwsClient } from 'aws4fetch'
import { type Backoff, backoffMs } from '../../../base/backoff.ts'
import { systemClock } from '../../../base/clock.ts'
import { describeError, type ErrorCode, isTenfoldError, TenfoldError } from '../../../base/errors.ts'
import { systemRandom } from '../../../base/random.ts'
import { addressOf, type S3Place } from './s3-place.ts'
import { textOf } from './s3-xml.ts'

/** Of one request with all that it sends; a part is at most some dozens of MiB. */
const requestTimeoutMs = 120_000
const attemptsMax = 4
const backoff: Backoff = { baseMs: 200, capMs: 5000 }
const errorTextLengthMax = 2000

export interface S3Request {
  key?: string
  query?: Record<string, string>
  body?: Buffer
  headers?: Record<string, string>
}

/** A piece of an object, and by what its version is known. */
export interface S3Content {
  body: ReadableStream<Uint8Array>
  tag: string
}

export interface S3Answer {
  headers: Headers
  text: string
}

type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

export class S3Client {
  readonly #place: S3Place
  readonly #signer: AwsClient

  constructor(place: S3Place) {
    this.#place = place
    const { accessKeyId, secretAccessKey, sessionToken } = place.keys
    this.#signer = new AwsClient({
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== undefined && { sessionToken }),
      region: place.region,
      service: 's3',
      retries: 0,
    })
  }

  /** @throws not-found, unauthorized, disk-full, unavailable when all attempts failed. */
  call(method: Method, request: S3Request): Promise<S3Answer> {
    return this.#retry(async () => {
      const response = await this.#send(method, request)
      return { headers: response.headers, text: await response.text() }
    })
  }

  async text(method: Method, request: S3Request): Promise<string> {
    return (await this.call(method, request)).text
  }

  /** An object's content, read by the caller; from a byte on, if it is still the object that had the tag. */
  open(key: string, rest?: { from: number; tag: string }): Promise<S3Content> {
    return this.#retry(async () => {
      const headers = rest && { range: `bytes=${rest.from}-`, 'if-match': rest.tag }
      const response = await this.#send('GET', { key, ...(headers && { headers }) })
      if (!response.body) throw new TenfoldError('unavailable', `${key} came without content`)
      if (rest && response.status !== 206) {
        await response.body.cancel()
        throw new TenfoldError('bad-input', `${key} could not be read on from byte ${rest.from}`)
      }
      return { body: response.body, tag: response.headers.get('etag') ?? '' }
    })
  }

  async #retry<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (attempt === attemptsMax || !isTenfoldError(error, 'unavailable')) throw error
        await systemClock.sleep(backoffMs(attempt, backoff, systemRandom))
      }
    }
  }

  async #send(method: Method, { key = '', query = {}, body, headers = {} }: S3Request): Promise<Response> {
    const url = addressOf(this.#place, key)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const what = `${method} s3://${this.#place.bucket}/${key}`
    const request = await this.#signer.sign(url.href, {
      method,
      headers: {
        ...headers,
        'x-amz-content-sha256': createHash('sha256')
          .update(body ?? '')
          .digest('hex'),
      },
      ...(body && { body: new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.length) }),
    })
    let response: Response
    // The timer ends with the headers where the content is the caller's to read: that may rightly take longer.
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(), requestTimeoutMs)
    try {
      response = await fetch(request, { signal: abort.signal })
    } catch (cause) {
      throw new TenfoldError('unavailable', `${what}: ${this.#place.endpoint} does not answer`, { cause })
    } finally {
      clearTimeout(timer)
    }
    if (response.ok) return response
    throw await explain(response, what)
  }
}

async function explain(response: Response, what: string): Promise<TenfoldError> {
  const text = (await response.text().catch((error: unknown) => describeError(error))).slice(0, errorTextLengthMax)
  const reason = textOf(text, 'Code') || String(response.status)
  const message = `${what} was refused: ${reason} ${textOf(text, 'Message')}`.trim()
  return new TenfoldError(codeOf(response.status, reason), message, { details: { status: response.status, reason } })
}

function codeOf(status: number, reason: string): ErrorCode {
  if (status === 507 || /StorageFull|QuotaExceeded/.test(reason)) return 'disk-full'
  if (status === 401 || status === 403) return 'unauthorized'
  if (status === 404) return 'not-found'
  if (status === 501) return 'bad-input' // it will never know what we ask for
  return status >= 500 || status === 429 || status === 408 ? 'unavailable' : 'bad-input'
}
