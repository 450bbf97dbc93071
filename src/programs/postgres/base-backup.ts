// BASE_BACKUP over the replication protocol: a running server's whole data directory as a stream of bytes.
//
// Source: PostgreSQL manual, 54.4 Streaming Replication Protocol, BASE_BACKUP. Before the stream come two result sets,
// where the backup starts and which tablespaces there are; each message of the stream then begins with a letter:
// n = an archive begins (its name, a tablespace's path), d = data, m = the manifest begins, p = progress.
// The npm client knows COPY but does not read it; this is a query object of the kind that it lets others bring.

import type { Client, Connection, Submittable } from 'pg'
import { TenfoldError } from '../../base/errors.ts'

/** Above this the socket waits for the disk. */
const queuedBytesMax = 1024 * 1024
/** The checkpoint that a backup begins with may take its time; nothing else is silent for so long. */
const silenceMaxMs = 120_000

export type BackupPart =
  | { kind: 'size'; estimatedBytes: number }
  | { kind: 'archive' }
  | { kind: 'manifest' }
  | { kind: 'data'; chunk: Buffer }

/**
 * Ends when the server said that the backup is whole. Leaving the loop early needs the client to be closed.
 * Without `wal` it can only be started where the log from its start to its end comes from elsewhere.
 */
export async function* readBaseBackup(
  client: Client,
  label: string,
  { wal = true }: { wal?: boolean } = {},
): AsyncGenerator<BackupPart> {
  const quotedLabel = `'${label.replaceAll("'", "''")}'`
  // Without the log it also does not wait for an archive, of which the server knows nothing.
  const query = new BaseBackupQuery(
    `BASE_BACKUP (LABEL ${quotedLabel}, PROGRESS true, CHECKPOINT 'fast', ${wal ? 'WAL true' : 'WAL false, WAIT false'}, ` +
      "MANIFEST 'yes', MANIFEST_CHECKSUMS 'SHA256')",
  )
  client.query(query)
  for (;;) {
    const part = await query.next()
    if (!part) return
    yield part
  }
}

class BaseBackupQuery implements Submittable {
  readonly #text: string
  #connection: Connection | undefined
  #parts: BackupPart[] = []
  #queuedBytes = 0
  #resultSet = 0
  #tablespaces = 0
  #isDone = false
  #error: unknown
  #wake: () => void = () => {}

  constructor(text: string) {
    this.#text = text
  }

  async next(): Promise<BackupPart | undefined> {
    while (this.#parts.length === 0) {
      if (this.#error !== undefined) throw this.#error
      if (this.#isDone) return undefined
      await this.#waitForMore()
    }
    const part = this.#parts.shift() as BackupPart
    if (part.kind === 'data') this.#queuedBytes -= part.chunk.length
    if (this.#queuedBytes <= queuedBytesMax / 2) this.#connection?.stream.resume()
    return part
  }

  submit(connection: Connection): void {
    this.#connection = connection
    connection.query(this.#text)
  }

  handleRowDescription(): void {
    this.#resultSet++
  }

  /** Rows of the second result set: oid, path and size in kB of a tablespace; the cluster itself has neither of the first two. */
  handleDataRow({ fields }: { fields: Array<string | Buffer | null> }): void {
    if (this.#resultSet !== 2) return
    if (++this.#tablespaces > 1)
      this.#fail(
        new TenfoldError('bad-input', `the server has a tablespace at ${fields[1]}; Tenfold cannot clone those`),
      )
    if (fields[2] !== null) this.#push({ kind: 'size', estimatedBytes: Number(String(fields[2])) * 1024 })
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    const letter = String.fromCharCode(chunk[0] ?? 0)
    if (letter === 'n') this.#push({ kind: 'archive' })
    if (letter === 'm') this.#push({ kind: 'manifest' })
    if (letter !== 'd') return
    // The client reuses its buffer for the next packet, so that a piece that is kept must be a copy.
    const copy = Buffer.from(chunk.subarray(1))
    this.#queuedBytes += copy.length
    this.#push({ kind: 'data', chunk: copy })
    if (this.#queuedBytes > queuedBytesMax) this.#connection?.stream.pause()
  }

  handleReadyForQuery(): void {
    this.#isDone = true
    this.#wake()
  }

  handleError(error: unknown): void {
    this.#fail(error)
  }

  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyInResponse(): void {}

  #push(part: BackupPart): void {
    this.#parts.push(part)
    this.#wake()
  }

  #fail(error: unknown): void {
    this.#error ??= error
    this.#parts = []
    this.#wake()
  }

  async #waitForMore(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = setTimeout(() => {
        this.#fail(new TenfoldError('timeout', `the server sent nothing of its backup for ${silenceMaxMs} ms`))
      }, silenceMaxMs)
    })
    clearTimeout(timer)
  }
}
