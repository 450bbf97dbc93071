// What a migration's author tells the runner, in comments:
//
//   -- tenfold: allow rewrite of photos: 2 000 rows, at night
//   -- tenfold: batch of 1000
//
// A word that is mistyped must not be taken for a remark: whatever begins with `tenfold:` is one of these or an error.

/** Dangers that can be allowed; each finding of the check is of one of these kinds. */
export const dangers = ['rewrite', 'scan', 'build', 'lock', 'write', 'removal'] as const
export type Danger = (typeof dangers)[number]

export interface Allowance {
  kind: 'allow'
  danger: Danger
  /** As the author wrote it, `photos` or `public.photos`. */
  table: string
  reason: string
}

export type Directive = Allowance | { kind: 'batch'; rows: number }

/** Rows of one transaction: as many as are locked at once and as one replica has to apply at a time. */
const batchRowsMax = 10_000

/** `comment` with its dashes or slashes; undefined when it is an ordinary remark. */
export function readDirective(comment: string, refuse: (problem: string) => never): Directive | undefined {
  const body = comment
    .replace(/^(--+|\/\*+)/, '')
    .replace(/\*\/$/, '')
    .trim()
  const found = /^tenfold\s*:\s*(.*)$/is.exec(body)
  if (!found) return undefined
  const words = (found[1] ?? '').trim()
  const batch = /^batch\s+of\s+([\d_ ]+)$/i.exec(words)
  if (batch) {
    const rows = Number((batch[1] ?? '').replace(/[_ ]/g, ''))
    if (rows < 1 || rows > batchRowsMax) refuse(`a batch has 1 to ${batchRowsMax} rows, not ${rows}`)
    return { kind: 'batch', rows }
  }
  const allow = /^allow\s+(\S+)\s+of\s+([^\s:]+)\s*(?::\s*(.*))?$/is.exec(words)
  if (!allow)
    refuse(`unknown directive "${words}"; there are "allow ${dangers.join('|')} of TABLE: REASON" and "batch of N"`)
  const [, danger = '', table = '', reason = ''] = allow as RegExpExecArray
  const known = dangers.find((name) => name === danger.toLowerCase())
  if (!known) refuse(`"allow ${danger}" is not known; what can be allowed is ${dangers.join(', ')}`)
  if (reason.trim() === '') refuse(`say why: "-- tenfold: allow ${danger} of ${table}: REASON"`)
  return { kind: 'allow', danger: known as Danger, table, reason: reason.trim() }
}
