// A file of SQL as PostgreSQL itself reads it: its own parser and scanner (libpg_query, compiled to wasm), so that a
// quoted name, a comment or a string in dollars never looks like a statement.
// Source: https://github.com/pganalyze/libpg_query; the npm package libpg-query carries the grammar of PostgreSQL 18.

import type { Node } from 'libpg-query'
import { TenfoldError } from '../../../../base/errors.ts'
import type { MigrationFile } from '../files.ts'
import { lineOfPosition } from '../sql-lines.ts'
import { type Allowance, type Directive, readDirective } from './directives.ts'

/** More is data, not a change of the schema; the parser's own memory is bounded too. */
const fileBytesMax = 16 * 1024 * 1024

type Fields<Union> = Union extends unknown ? (fields: Union) => void : never
type Together<Union> = Fields<Union> extends (fields: infer All) => void ? All : never
/** A node of the syntax tree: one field, named as its kind (`AlterTableStmt`), the others undefined. */
export type Tree = Partial<Together<Node>>

export interface Statement {
  text: string
  /** In its file, in bytes, as places in the tree are. */
  start: number
  /** In its file, from 1. */
  line: number
  tree: Tree
  /** How many rows at a time: `-- tenfold: batch of 1000` stands before it. */
  batch?: number
}

export interface ParsedFile {
  file: MigrationFile
  statements: Statement[]
  /** Dangers that the file's author takes, with the reason. */
  allowances: Allowance[]
}

export interface ScannedToken {
  text: string
  /** Bytes, as PostgreSQL counts. */
  start: number
  end: number
  isComment: boolean
}

// The parser is loaded by whoever has a file to apply, not by every start that finds nothing to do.
const parser = async () => {
  const module = await import('libpg-query')
  await module.loadModule()
  return module
}

/** @throws bad-input when PostgreSQL would not read the file either, or when a directive is unknown. */
export async function parseFile(file: MigrationFile): Promise<ParsedFile> {
  const { parseSync, hasSqlDetails } = await parser()
  const bytes = Buffer.from(file.sql)
  if (bytes.length > fileBytesMax)
    throw new TenfoldError(
      'too-large',
      `migration ${file.name} has ${bytes.length} bytes, the limit is ${fileBytesMax}`,
    )
  const lineOf = (byte: number) => lineOfPosition(file.sql, bytes.subarray(0, byte).toString().length)
  if (file.sql.trim() === '') return { file, statements: [], allowances: [] }
  if (file.sql.includes('\0')) throw new TenfoldError('bad-input', `migration ${file.name} holds a NUL character`)
  let stmts: Array<{ stmt?: Node; stmt_location?: number; stmt_len?: number }>
  let words: ScannedToken[]
  try {
    stmts = parseSync(file.sql).stmts ?? []
    words = await scanSql(file.sql)
  } catch (cause) {
    const at = hasSqlDetails(cause) ? (cause.sqlDetails?.cursorPosition ?? 0) : 0
    const place = at > 0 ? `${file.name}, line ${lineOf(at - 1)}` : file.name
    // Anything but PostgreSQL's own word is its parser out of stack, on a text nested thousands deep.
    const problem = hasSqlDetails(cause) ? (cause as Error).message : 'its expressions are nested too deeply to be read'
    throw new TenfoldError('bad-input', `migration ${place}: ${problem}; nothing of the file was applied`, { cause })
  }
  const statements = stmts.map(({ stmt, stmt_location: from = 0, stmt_len }): Statement => {
    const text = bytes.subarray(from, stmt_len ? from + stmt_len : undefined).toString()
    const start = from + Buffer.byteLength(text) - Buffer.byteLength(text.trimStart())
    return { text: text.trim(), start, line: lineOf(start), tree: stmt as Tree }
  })
  const directives = readDirectives(file, words, lineOf)
  for (const { directive, at, line } of directives) {
    if (directive.kind !== 'batch') continue
    const statement = statements.find(({ start }) => start >= at)
    if (!statement) throw new TenfoldError('bad-input', `migration ${file.name}, line ${line}: no statement follows`)
    statement.batch = directive.rows
  }
  const allowances = directives.flatMap(({ directive }) => (directive.kind === 'allow' ? [directive] : []))
  return { file, statements, allowances }
}

/** An expression as the catalog prints it; undefined when the parser's grammar is older than the server's. */
export async function parseExpression(sql: string): Promise<Node | undefined> {
  const { parseSync } = await parser()
  try {
    const select = treeOf(parseSync(`SELECT ${sql}`).stmts?.[0]?.stmt).SelectStmt
    return treeOf(select?.targetList?.[0]).ResTarget?.val
  } catch {
    return undefined
  }
}

/** The words of a text, comments among them. */
export async function scanSql(sql: string): Promise<ScannedToken[]> {
  const { scanSync } = await parser()
  const bytes = Buffer.from(sql)
  return scanSync(sql).tokens.map(({ start, end, tokenName }) => ({
    // Cut out by ourselves: the scanner's own text counts bytes as characters.
    text: bytes.subarray(start, end).toString(),
    start,
    end,
    isComment: tokenName === 'SQL_COMMENT' || tokenName === 'C_COMMENT',
  }))
}

function readDirectives(
  file: MigrationFile,
  words: readonly ScannedToken[],
  lineOf: (byte: number) => number,
): Array<{ directive: Directive; at: number; line: number }> {
  const comments = words.filter(({ isComment }) => isComment)
  return comments.flatMap(({ text, start, end }) => {
    const line = lineOf(start)
    const directive = readDirective(text, (problem) => {
      throw new TenfoldError('bad-input', `migration ${file.name}, line ${line}: ${problem}`)
    })
    return directive ? [{ directive, at: end, line }] : []
  })
}

/** Every node of a kind below (and at) a node, however deep. */
export function findNodes<Kind extends keyof Tree & string>(root: unknown, kind: Kind): Array<NonNullable<Tree[Kind]>> {
  const found: Array<NonNullable<Tree[Kind]>> = []
  const open: unknown[] = [root]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (typeof node !== 'object' || node === null) continue
    for (const [name, value] of Object.entries(node)) {
      if (name === kind) found.push(value as NonNullable<Tree[Kind]>)
      if (typeof value === 'object') open.push(value)
    }
  }
  return found
}

/** The last part of a name, `count` of `pg_catalog.count`. */
export function lastName(names: readonly Node[] | undefined): string {
  return (names?.at(-1) as Tree | undefined)?.String?.sval ?? ''
}

export function treeOf(node: Node | undefined): Tree {
  return (node ?? {}) as Tree
}
