// Reads what PostgreSQL's output plugin test_decoding prints, one row of it at a time, strictly: what it does not
// understand is an error, never a guess.
//
// The format is that of contrib/test_decoding/test_decoding.c (pg_decode_change, tuple_to_stringinfo, print_literal):
//
//   BEGIN 757
//   table slot_007.photos: INSERT: id[bigint]:7 "odd name"[character varying]:'it''s' flags[bit]:B'101' bytes[bytea]:null
//   table public.notes: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2 text[text]:unchanged-toast-datum
//   table public.log: DELETE: (no-tuple-data)
//   table public.a, public.b: TRUNCATE: restart_seqs cascade
//   COMMIT 757 (at 2026-11-25 13:07:50.123456+00)
//
// Quoted text doubles its quotes and nothing else; it may hold line breaks. Identifiers are quoted when SQL needs it.

import { TenfoldError } from '../../../base/errors.ts'

/** Column names with their values in PostgreSQL's text form. */
export type DecodedRow = Map<string, string | null>

export interface TableName {
  schema: string
  name: string
}

export interface DecodedTuple {
  values: DecodedRow
  /** Columns whose large value was not touched, and therefore is not in the log. */
  unchanged: string[]
}

export type Decoded =
  | { kind: 'begin'; xid: number }
  | { kind: 'commit'; xid: number; committedAt: string }
  | { kind: 'insert'; table: TableName; row: DecodedTuple | undefined }
  | { kind: 'update'; table: TableName; old: DecodedRow | undefined; row: DecodedTuple | undefined }
  | { kind: 'delete'; table: TableName; old: DecodedRow | undefined }
  | { kind: 'truncate'; tables: TableName[] }
  /** Of pg_logical_emit_message: no row changes. */
  | { kind: 'message' }

/** @throws bad-input when the text is not what the plugin prints, with the place. */
export function parseDecoded(text: string): Decoded {
  const begin = /^BEGIN (\d+)$/.exec(text)
  if (begin) return { kind: 'begin', xid: Number(begin[1]) }
  const commit = /^COMMIT (\d+) \(at (\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)\+00\)$/.exec(text)
  if (commit) return { kind: 'commit', xid: Number(commit[1]), committedAt: `${commit[2]}T${commit[3]}Z` }
  if (text.startsWith('message: ')) return { kind: 'message' }
  return new ChangeReader(text).read()
}

class ChangeReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  read(): Decoded {
    this.#expect('table ')
    const tables = [this.#readTable()]
    while (this.#take(', ')) tables.push(this.#readTable())
    this.#expect(': ')
    if (this.#take('TRUNCATE: ')) {
      if (!/^(\(no-flags\)|restart_seqs( cascade)?|cascade)$/.test(this.#text.slice(this.#at)))
        this.#fail('flags of TRUNCATE')
      return { kind: 'truncate', tables }
    }
    const [table] = tables as [TableName]
    if (tables.length > 1) this.#fail('TRUNCATE')
    if (this.#take('INSERT:')) return { kind: 'insert', table, row: this.#readLastTuple() }
    if (this.#take('UPDATE:')) {
      const old = this.#take(' old-key:') ? this.#readTuple(' new-tuple:').values : undefined
      return { kind: 'update', table, old, row: this.#readLastTuple() }
    }
    if (this.#take('DELETE:')) return { kind: 'delete', table, old: this.#readLastTuple()?.values }
    return this.#fail('INSERT, UPDATE, DELETE or TRUNCATE')
  }

  #readTable(): TableName {
    const schema = this.#readIdentifier()
    this.#expect('.')
    return { schema, name: this.#readIdentifier() }
  }

  #readLastTuple(): DecodedTuple | undefined {
    if (this.#text.slice(this.#at) === ' (no-tuple-data)') return undefined
    return this.#readTuple()
  }

  /** Up to `end`, which no column can look like: a name with a hyphen would stand in quotes. */
  #readTuple(end?: string): DecodedTuple {
    const tuple: DecodedTuple = { values: new Map(), unchanged: [] }
    while (end === undefined ? this.#at < this.#text.length : !this.#take(end)) {
      this.#expect(' ')
      const column = this.#readIdentifier()
      this.#skipType()
      this.#expect(':')
      if (tuple.values.has(column)) this.#fail(`a second column ${column}`)
      if (this.#take('unchanged-toast-datum')) tuple.unchanged.push(column)
      else tuple.values.set(column, this.#readValue())
    }
    return tuple
  }

  #readIdentifier(): string {
    if (this.#text[this.#at] === '"') return this.#readQuoted('"')
    const plain = this.#match(/[a-z_][a-z0-9_]*/y)
    return plain ?? this.#fail('a name')
  }

  /** In square brackets, which the names of array types also end with: `[integer[]]`, `[public."my ]type"[]]`. */
  #skipType(): void {
    this.#expect('[')
    for (;;) {
      if (this.#take('[]')) continue
      if (this.#take(']')) return
      if (this.#text[this.#at] === '"') this.#readQuoted('"')
      else if (this.#match(/[^"[\]]+/y) === undefined) this.#fail('a type')
    }
  }

  #readValue(): string | null {
    if (this.#text[this.#at] === "'") return this.#readQuoted("'")
    if (this.#take("B'")) {
      this.#at--
      return this.#readQuoted("'")
    }
    const bare =
      this.#match(/null|true|false|NaN|-?Infinity|-?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?/y) ?? this.#fail('a value')
    if (this.#at < this.#text.length && this.#text[this.#at] !== ' ') this.#fail('the end of a value')
    return bare === 'null' ? null : bare
  }

  /** From one quote to its partner; a doubled one stands for itself. */
  #readQuoted(quote: string): string {
    const start = this.#at + 1
    for (let end = start; ; end += 2) {
      end = this.#text.indexOf(quote, end)
      if (end < 0) this.#fail(`a closing ${quote}`)
      if (this.#text[end + 1] === quote) continue
      this.#at = end + 1
      return this.#text.slice(start, end).replaceAll(quote + quote, quote)
    }
  }

  #match(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.#at
    const found = sticky.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.#fail(JSON.stringify(text))
  }

  /** Values are personal data: the message shows where, and what the line begins with up to its first value. */
  #fail(expected: string): never {
    const beginning = this.#text.slice(0, Math.min(this.#text.indexOf('[') + 1 || 60, 120))
    throw new TenfoldError(
      'bad-input',
      `test_decoding printed something else than ${expected} at character ${this.#at} of "${beginning}…"`,
      { details: { at: this.#at } },
    )
  }
}
