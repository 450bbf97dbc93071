// Pieces that every part of a configuration is written with.

import { TenfoldError } from '../../../../../base/errors.ts'

export const backends = {
  /** Servers that pass their checks. */
  checked: 'servers',
  /** All of them, unchecked: for when the checks are not believed. */
  all: 'all-servers',
  /** Counters of clients by address. */
  addresses: 'addresses',
} as const

/** The name of the section and its indented lines; empty ones are left out. */
export function section(title: string, lines: ReadonlyArray<string | false | undefined>): string {
  return [title, ...lines.filter(Boolean).map((line) => `    ${line}`)].join('\n')
}

/**
 * A word that HAProxy takes as it stands: in single quotes nothing is special, and a quote itself stands between two such.
 * @throws bad-input for what cannot stand there.
 */
export function quoted(text: string): string {
  if (/[\r\n\0]/.test(text))
    throw new TenfoldError('bad-input', `${JSON.stringify(text)} cannot stand in a configuration`)
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** What stands between the brackets of a sample; HAProxy reads it a second time, after the word that it is in. */
export function argument(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

export function milliseconds(value: number): string {
  return `${Math.max(1, Math.round(value))}ms`
}
