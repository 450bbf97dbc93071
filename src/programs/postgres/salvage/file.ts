// Writes and reads salvage files. A file appears whole or not at all; whoever reads it holds one line, and checks each.

import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { z } from 'zod'
import { TenfoldError } from '../../../base/errors.ts'
import {
  type SalvagedChange,
  type SalvagedLine,
  type SalvageHeader,
  salvagedLineSchema,
  salvageHeaderSchema,
} from './format.ts'

/** Longer than any line that we write, unless one value alone is (PostgreSQL's own limit is 1 GB). */
const lineBytesMax = 512 * 1024 * 1024
const readBytes = 256 * 1024

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

export interface SalvagedTransaction {
  /** In the file, from 1. */
  position: number
  xid: number
  committedAt: string
  lsn: string
  changeCount: number
  /** May be read again and again; those of a long transaction are read from the file each time. */
  changes(): AsyncIterable<SalvagedChange>
}

export interface SalvageFile extends AsyncDisposable {
  header: SalvageHeader
  /**
   * In the order of their commits, each line checked. To be read once.
   * @throws bad-input, with the number of the line, for one that is damaged or missing.
   */
  transactions: AsyncIterable<SalvagedTransaction>
}

/** @throws not-found; bad-input when the header is damaged. */
export async function openSalvageFile(path: string): Promise<SalvageFile> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    throw new TenfoldError('not-found', `there is no salvage file ${path}`, { cause: error })
  })
  const close = () => file.close().catch(() => {})
  const lines = readLines(file, path)
  try {
    const first = await lines.next()
    const header = parse(salvageHeaderSchema, first.value?.text ?? '', path, 1)
    return { header, transactions: readTransactions(lines, header, file, path), [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

async function* readTransactions(
  lines: AsyncGenerator<Line, void>,
  header: SalvageHeader,
  file: FileHandle,
  path: string,
): AsyncGenerator<SalvagedTransaction> {
  let [number, position] = [1, 0]
  let open: { xid: number; firstLine: number; start: number; changeCount: number } | undefined
  for await (const { text, start } of lines) {
    number++
    const line = parse(salvagedLineSchema, text, path, number)
    if (open && open.xid !== line.xid)
      throw damaged(path, number, `transaction ${open.xid} is not at its end, and ${line.xid} begins`)
    const before = open ?? { xid: line.xid, firstLine: number, start, changeCount: 0 }
    const changeCount = before.changeCount + line.changes.length
    if ('continued' in line) {
      open = { ...before, changeCount }
      continue
    }
    const isLong = open !== undefined
    open = undefined
    const { xid, committedAt, lsn } = line
    const changes = isLong ? () => changesFrom(file, path, before) : () => each(line.changes)
    yield { position: ++position, xid, committedAt, lsn, changeCount, changes }
  }
  if (open || position !== header.transactions)
    throw damaged(path, number + 1, `the file ends after ${position} of ${header.transactions} transactions`)
}

async function* each(changes: readonly SalvagedChange[]): AsyncGenerator<SalvagedChange> {
  yield* changes
}

async function* changesFrom(
  file: FileHandle,
  path: string,
  { start, firstLine }: { start: number; firstLine: number },
): AsyncGenerator<SalvagedChange> {
  let number = firstLine
  for await (const { text } of readLines(file, path, start)) {
    const line = parse(salvagedLineSchema, text, path, number++)
    yield* line.changes
    if (!('continued' in line)) return
  }
}

interface Line {
  text: string
  /** In bytes, from the beginning of the file. */
  start: number
}

/** Not readline, which takes U+2028 inside of a value for the end of a line, too. By position: many may read at once. */
async function* readLines(file: FileHandle, path: string, from = 0): AsyncGenerator<Line, void> {
  let [pieces, bytes, start, position] = [[] as Buffer[], 0, from, from]
  for (;;) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(readBytes), 0, readBytes, position)
    if (bytesRead === 0) break
    position += bytesRead
    let rest = buffer.subarray(0, bytesRead)
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      pieces.push(rest.subarray(0, end))
      yield { text: Buffer.concat(pieces).toString('utf8'), start }
      start += bytes + end + 1
      ;[pieces, bytes] = [[], 0]
      rest = rest.subarray(end + 1)
    }
    pieces.push(rest)
    bytes += rest.length
    if (bytes > lineBytesMax)
      throw new TenfoldError('too-large', `${path} has a line of more than ${lineBytesMax} bytes`)
  }
  if (bytes > 0) yield { text: Buffer.concat(pieces).toString('utf8'), start }
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
