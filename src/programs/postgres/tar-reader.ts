// Reads a tar archive as it arrives, in pieces of any size, and hands its entries to a sink one after the other.
//
// Source: POSIX.1-2018, pax: ustar interchange format and pax extended header; sizes over 8 GiB in base 256 and long
// names as `L` entries are GNU tar's. Worked example: a name of 120 bytes is either split at a slash into prefix (at
// most 155 bytes) and name (at most 100), or precedes its entry as a pax record "130 path=...\n".

import { TenfoldError } from '../../base/errors.ts'

const blockBytes = 512
/** Of a pax header or a long name: only names and numbers belong there. */
const extensionBytesMax = 64 * 1024

export interface TarEntry {
  name: string
  type: 'file' | 'directory' | 'link'
  sizeBytes: number
}

/** Called strictly in order: begin, any number of data, finish. */
export interface TarSink {
  begin(entry: TarEntry): Promise<void>
  data(chunk: Buffer): Promise<void>
  finish(): Promise<void>
}

interface Body {
  leftBytes: number
  paddingBytes: number
  /** Pieces of a pax header or long name; undefined while the sink takes the body. */
  extension?: { type: string; pieces: Buffer[] }
}

export class TarReader {
  readonly #sink: TarSink
  #header = Buffer.alloc(blockBytes)
  #headerFilled = 0
  #body: Body | undefined
  /** What pax headers and long names said about the entry to come. */
  #overrides: { path?: string; size?: number } = {}

  constructor(sink: TarSink) {
    this.#sink = sink
  }

  /** Resolves when the sink has taken all of `chunk`, which may be reused then. Not to be called at once. */
  async write(chunk: Buffer): Promise<void> {
    let rest = chunk
    while (rest.length > 0) rest = this.#body ? await this.#readBody(this.#body, rest) : await this.#readHeader(rest)
  }

  /** @throws program-failed when the archive stops inside of an entry. */
  end(): void {
    if (this.#body || this.#headerFilled > 0) throw damaged('it ends inside of an entry')
  }

  async #readHeader(chunk: Buffer): Promise<Buffer> {
    const taken = chunk.copy(this.#header, this.#headerFilled, 0, blockBytes - this.#headerFilled)
    this.#headerFilled += taken
    if (this.#headerFilled < blockBytes) return chunk.subarray(taken)
    this.#headerFilled = 0
    // Blocks of zeros end an archive; their number does not matter.
    if (!this.#header.every((byte) => byte === 0)) await this.#enter(this.#header)
    return chunk.subarray(taken)
  }

  async #enter(header: Buffer): Promise<void> {
    checkSum(header)
    const flag = String.fromCharCode(header[156] ?? 0)
    const isExtension = flag === 'x' || flag === 'g' || flag === 'L'
    const sizeBytes = (isExtension ? undefined : this.#overrides.size) ?? readNumber(header.subarray(124, 136))
    if (isExtension && sizeBytes > extensionBytesMax) throw damaged(`an extended header of ${sizeBytes} bytes`)
    const body: Body = { leftBytes: sizeBytes, paddingBytes: (blockBytes - (sizeBytes % blockBytes)) % blockBytes }
    if (isExtension) this.#body = { ...body, extension: { type: flag, pieces: [] } }
    else {
      const type = entryType(flag)
      // A link names its target and has no body, whatever its size says; a directory neither.
      this.#body = type === 'file' ? body : { leftBytes: 0, paddingBytes: 0 }
      const name = this.#overrides.path ?? readName(header)
      this.#overrides = {}
      await this.#sink.begin({ name, type, sizeBytes: this.#body.leftBytes })
    }
    if (this.#body.leftBytes === 0) await this.#leave(this.#body)
  }

  async #readBody(body: Body, chunk: Buffer): Promise<Buffer> {
    if (body.leftBytes > 0) {
      const piece = chunk.subarray(0, body.leftBytes)
      body.leftBytes -= piece.length
      if (body.extension) body.extension.pieces.push(Buffer.from(piece))
      else await this.#sink.data(piece)
      if (body.leftBytes === 0) await this.#leave(body)
      return chunk.subarray(piece.length)
    }
    const padding = Math.min(body.paddingBytes, chunk.length)
    body.paddingBytes -= padding
    if (body.paddingBytes === 0) this.#body = undefined
    return chunk.subarray(padding)
  }

  /** All of a body is here; what follows is padding. */
  async #leave(body: Body): Promise<void> {
    if (body.extension) {
      const content = Buffer.concat(body.extension.pieces)
      if (body.extension.type === 'L') this.#overrides.path = readText(content)
      if (body.extension.type === 'x') this.#overrides = { ...this.#overrides, ...readPax(content) }
    } else await this.#sink.finish()
    if (body.paddingBytes === 0) this.#body = undefined
  }
}

function entryType(flag: string): TarEntry['type'] {
  if (flag === '0' || flag === '\0' || flag === '7') return 'file'
  if (flag === '5') return 'directory'
  if (flag === '1' || flag === '2') return 'link'
  throw damaged(`an entry of the unknown type "${flag}"`)
}

function readName(header: Buffer): string {
  const name = readText(header.subarray(0, 100))
  const prefix = header.toString('latin1', 257, 262) === 'ustar' ? readText(header.subarray(345, 500)) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

/** Records of the form "<length> <key>=<value>\n", the length counting all of its record. */
function readPax(content: Buffer): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {}
  for (let at = 0; at < content.length; ) {
    const length = Number.parseInt(content.toString('latin1', at, at + 10), 10)
    const record = content.toString('utf8', at, at + length)
    const match = /^\d+ ([^=]+)=(.*)\n$/s.exec(record)
    if (!match) throw damaged('a pax record that cannot be read')
    if (match[1] === 'path') found.path = match[2] as string
    if (match[1] === 'size') found.size = Number(match[2])
    at += length
  }
  return found
}

function readText(field: Buffer): string {
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end === -1 ? field.length : end)
}

/** Octal digits; or, with the highest bit set, a big-endian number in the remaining bits. */
function readNumber(field: Buffer): number {
  if ((field[0] ?? 0) & 0x80) return Number(BigInt(`0x${field.toString('hex')}`) & ((1n << 88n) - 1n))
  const text = readText(field).trim()
  if (!/^[0-7]*$/.test(text)) throw damaged(`the number "${text}"`)
  return Number.parseInt(text || '0', 8)
}

/** The sum of the header's bytes, its own field counted as blanks. */
function checkSum(header: Buffer): void {
  let sum = 0
  for (let at = 0; at < blockBytes; at++) sum += at >= 148 && at < 156 ? 0x20 : (header[at] ?? 0)
  if (sum !== readNumber(header.subarray(148, 156))) throw damaged('a header whose checksum does not hold')
}

function damaged(what: string): TenfoldError {
  return new TenfoldError('program-failed', `the tar archive is damaged: ${what}`)
}
