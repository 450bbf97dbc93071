// Backups in a bucket of any S3-compatible store: AWS, MinIO, Ceph, R2, B2, Swift.
//
// Only what all of them have: GET, PUT, DELETE, ListObjectsV2 and multipart uploads, signed with SigV4 (by aws4fetch), the
// checksum of each body being part of what is signed. An object appears when its PUT or the completion of its parts is
// answered, so that nothing else is needed to be whole or not at all.

import { Readable } from 'node:stream'
import { isTenfoldError, TenfoldError } from '../../../base/errors.ts'
import type { BackupStore, StoredObject } from './contract.ts'
import { checkName } from './names.ts'
import { type S3Answer, S3Client, type S3Content } from './s3-client.ts'
import type { S3Place } from './s3-place.ts'
import { elementsOf, textOf } from './s3-xml.ts'

const mebibyte = 1024 * 1024
/** S3 takes at most 10,000 parts of at least 5 MiB; they grow, so that their number is enough for 5 TiB. */
const firstPartBytes = 8 * mebibyte
const partsOfOneSize = 1000
const pagesMax = 10_000
/** Of one download, however long it takes. */
const breaksMax = 10

export class S3Store implements BackupStore {
  readonly place: string
  readonly #client: S3Client
  readonly #prefix: string

  constructor(place: S3Place) {
    this.place = `s3://${place.bucket}/${place.prefix}`
    this.#client = new S3Client(place)
    this.#prefix = place.prefix === '' ? '' : `${place.prefix}/`
  }

  async put(name: string, content: Buffer): Promise<void> {
    await this.#client.call('PUT', { key: this.#keyOf(name), body: content })
  }

  async putStream(name: string, content: AsyncIterable<Buffer>): Promise<number> {
    const key = this.#keyOf(name)
    let uploadId: string | undefined
    const tags: string[] = []
    let bytes = 0
    try {
      for await (const { part, isLast } of cutIntoParts(content)) {
        bytes += part.length
        if (isLast && uploadId === undefined) await this.#client.call('PUT', { key, body: part })
        else {
          uploadId ??= await this.#beginUpload(key)
          const query = { partNumber: String(tags.length + 1), uploadId }
          const { headers } = await this.#client.call('PUT', { key, query, body: part })
          tags.push(headers.get('etag') ?? '')
        }
      }
      if (uploadId !== undefined) await this.#completeUpload(key, uploadId, tags)
      return bytes
    } catch (error) {
      // Parts that are left cost money until somebody aborts their upload; sweep does what cannot be done now.
      if (uploadId !== undefined) await this.#abortUpload(key, uploadId).catch(() => {})
      throw error
    }
  }

  async get(name: string): Promise<Readable> {
    const key = this.#keyOf(name)
    const first = await this.#client.open(key)
    return Readable.from(this.#read(key, first), { objectMode: false, highWaterMark: mebibyte })
  }

  async list(prefix: string): Promise<StoredObject[]> {
    const found: StoredObject[] = []
    let token: string | undefined
    for (let page = 0; page < pagesMax; page++) {
      const text = await this.#client.text('GET', {
        query: {
          'list-type': '2',
          prefix: this.#prefix + prefix,
          ...(token !== undefined && { 'continuation-token': token }),
        },
      })
      for (const object of elementsOf(text, 'Contents'))
        found.push({
          name: textOf(object, 'Key').slice(this.#prefix.length),
          sizeBytes: Number(textOf(object, 'Size')),
        })
      token = textOf(text, 'NextContinuationToken')
      if (textOf(text, 'IsTruncated') !== 'true' || token === '')
        return found.sort((one, other) => (one.name < other.name ? -1 : 1))
    }
    throw new TenfoldError('too-large', `${this.place} holds more than ${pagesMax} pages of objects`)
  }

  async delete(name: string): Promise<void> {
    await this.#client.call('DELETE', { key: this.#keyOf(name) })
  }

  async sweep(beforeMs: number): Promise<void> {
    const text = await this.#client.text('GET', { query: { uploads: '', prefix: this.#prefix } }).catch(emptyIfUnknown)
    for (const upload of elementsOf(text, 'Upload')) {
      const [key, uploadId] = [textOf(upload, 'Key'), textOf(upload, 'UploadId')]
      // Not every store heeds the prefix here, and what is not ours stays.
      if (!key.startsWith(this.#prefix) || Date.parse(textOf(upload, 'Initiated')) >= beforeMs) continue
      await this.#abortUpload(key, uploadId)
    }
  }

  async close(): Promise<void> {}

  /** A download that breaks off goes on where it was, if the object is still the same. */
  async *#read(key: string, first: S3Content): AsyncGenerator<Buffer> {
    let [content, bytes, breaks] = [first, 0, 0]
    for (;;) {
      try {
        for await (const piece of content.body) {
          bytes += piece.length
          yield Buffer.from(piece.buffer, piece.byteOffset, piece.length)
        }
        return
      } catch (cause) {
        if (++breaks > breaksMax)
          throw new TenfoldError('unavailable', `${key} broke off after ${bytes} bytes`, { cause })
        content = await this.#client.open(key, { from: bytes, tag: first.tag })
      }
    }
  }

  #keyOf(name: string): string {
    return this.#prefix + checkName(name)
  }

  async #beginUpload(key: string): Promise<string> {
    const uploadId = textOf(await this.#client.text('POST', { key, query: { uploads: '' } }), 'UploadId')
    if (uploadId === '') throw new TenfoldError('unavailable', `${this.place} gave no id for the upload of ${key}`)
    return uploadId
  }

  async #completeUpload(key: string, uploadId: string, tags: string[]): Promise<void> {
    const parts = tags.map((tag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${tag}</ETag></Part>`).join('')
    const body = Buffer.from(`<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`)
    const text = await this.#client.text('POST', { key, query: { uploadId }, body })
    // The status was sent before the work was done: a failure comes as 200 with an error in it.
    if (elementsOf(text, 'Error').length > 0)
      throw new TenfoldError('unavailable', `${key} could not be completed: ${textOf(text, 'Message')}`)
  }

  #abortUpload(key: string, uploadId: string): Promise<S3Answer> {
    return this.#client.call('DELETE', { key, query: { uploadId } })
  }
}

/** Some small stores have no list of uploads: then there is nothing to sweep by. */
function emptyIfUnknown(error: unknown): string {
  if (isTenfoldError(error) && error.details['status'] === 501) return ''
  throw error
}

/** Pieces of any size as parts of the sizes that S3 takes; the last one may be empty. */
async function* cutIntoParts(content: AsyncIterable<Buffer>): AsyncGenerator<{ part: Buffer; isLast: boolean }> {
  let pieces: Buffer[] = []
  let bytes = 0
  let parts = 0
  for await (const piece of content) {
    pieces.push(piece)
    bytes += piece.length
    const size = firstPartBytes * 2 ** Math.floor(parts / partsOfOneSize)
    if (bytes < size) continue
    yield { part: Buffer.concat(pieces), isLast: false }
    pieces = []
    bytes = 0
    parts++
  }
  if (bytes > 0 || parts === 0) yield { part: Buffer.concat(pieces), isLast: true }
}
