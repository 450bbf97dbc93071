// Writes and reads salvage files. A file appears whole or not at all; whoever reads it holds one line, and checks each.

import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { z } from 'zod'
import { TenfoldError } from '../../../base/errors.ts'
import { type SalvagedLine, type SalvageHeader, salvagedLineSchema, salvageHeaderSchema } from './format.ts'

/** Longer than any line that we write, unless one value alone is (PostgreSQL's own limit is 1 GB). */
const lineBytesMax = 512 * 1024 * 1024

/** The header is known last and stands first: the lines wait in a draft of their own. */
export class SalvageWriter {
  readonly #path: string
  readonly #lines: FileHandle

  private constructor(path: string, lines: FileHandle) {
    this.#path = path
    this.#lines = lines
  }

  /** Makes the directory, for its owner only; what is in the file are the users' data. */
  static async open(path: string): Promise<SalvageWriter> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    return new SalvageWriter(path, await asDiskFull(path, open(linesOf(path), 'w', 0o600)))
  }

  async write(line: SalvagedLine): Promise<void> {
    await asDiskFull(this.#path, this.#lines.writeFile(`${JSON.stringify(line)}\n`))
  }

  /** Resolves when the whole file is durable under its name. */
  async finish(header: SalvageHeader): Promise<void> {
    await this.#lines.close()
    const draft = `${this.#path}.draft`
    await asDiskFull(this.#path, join(header, linesOf(this.#path), draft))
    await rename(draft, this.#path)
    const dir = await open(dirname(this.#path))
    await dir.sync().finally(() => dir.close())
    await rm(linesOf(this.#path))
  }

  /** Leaves nothing behind. May be called after `finish`. */
  async abandon(): Promise<void> {
    await this.#lines.close().catch(() => {})
    await rm(linesOf(this.#path), { force: true })
    await rm(`${this.#path}.draft`, { force: true })
  }
}

export interface SalvageFile extends AsyncDisposable {
  header: SalvageHeader
  /**
   * In order, each checked. To be read once.
   * @throws bad-input, with the number of the line, for one that is damaged or missing.
   */
  lines: AsyncIterable<SalvagedLine>
}

/** @throws not-found; bad-input when the header is damaged. */
export async function openSalvageFile(path: string): Promise<SalvageFile> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    throw new TenfoldError('not-found', `there is no salvage file ${path}`, { cause: error })
  })
  const close = () => file.close().catch(() => {})
  const texts = readLines(file, path)
  try {
    const first = await texts.next()
    const header = parse(salvageHeaderSchema, first.value ?? '', path, 1)
    return { header, lines: checkedLines(texts, header, path), [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

async function* checkedLines(
  texts: AsyncGenerator<string, void>,
  header: SalvageHeader,
  path: string,
): AsyncGenerator<SalvagedLine> {
  let [number, transactions, open] = [1, 0, undefined as number | undefined]
  for await (const text of texts) {
    number++
    const line = parse(salvagedLineSchema, text, path, number)
    if (open !== undefined && open !== line.xid)
      throw damaged(path, number, `transaction ${open} is not at its end, and ${line.xid} begins`)
    if ('continued' in line) open = line.xid
    else {
      open = undefined
      transactions++
    }
    yield line
  }
  if (open !== undefined || transactions !== header.transactions)
    throw damaged(path, number + 1, `the file ends after ${transactions} of ${header.transactions} transactions`)
}

/** Not readline, which takes U+2028 inside of a value for the end of a line, too. */
async function* readLines(file: FileHandle, path: string): AsyncGenerator<string, void> {
  let [pieces, bytes, number] = [[] as Buffer[], 0, 1]
  for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: 1024 * 1024 })) {
    let rest = chunk as Buffer
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      pieces.push(rest.subarray(0, end))
      yield Buffer.concat(pieces).toString('utf8')
      ;[pieces, bytes] = [[], 0]
      number++
      rest = rest.subarray(end + 1)
    }
    pieces.push(rest)
    bytes += rest.length
    if (bytes > lineBytesMax) throw damaged(path, number, 'it is too long')
  }
  if (bytes > 0) yield Buffer.concat(pieces).toString('utf8')
}

function parse<Schema extends z.ZodType>(schema: Schema, text: string, path: string, line: number): z.output<Schema> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw damaged(path, line, 'it is not JSON', cause)
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw damaged(path, line, `${issue?.path.join('.') ?? ''}: ${issue?.message}`, parsed.error)
}

function damaged(path: string, line: number, why: string, cause?: unknown): TenfoldError {
  return new TenfoldError('bad-input', `${path} is damaged at line ${line}: ${why}`, { cause, details: { path, line } })
}

async function join(header: SalvageHeader, lines: string, draft: string): Promise<void> {
  const target = createWriteStream(draft, { mode: 0o600, flush: true })
  target.write(`${JSON.stringify(header)}\n`)
  await pipeline(createReadStream(lines), target)
}

function linesOf(path: string): string {
  return `${path}.lines`
}

async function asDiskFull<T>(path: string, writing: Promise<T>): Promise<T> {
  try {
    return await writing
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause
    throw new TenfoldError('disk-full', `the disk is full: ${path} could not be written`, { cause })
  }
}
