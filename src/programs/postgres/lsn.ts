// Positions in the write-ahead log: PostgreSQL prints the byte position as two hexadecimal halves, we compute with bigints.
// Source: PostgreSQL manual, 8.20 pg_lsn Type. Worked example: '16/B374D848' = 0x16 * 2^32 + 0xB374D848 = 97500059720n.

import { TenfoldError } from '../../base/errors.ts'

const lsnPattern = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/

/** @throws bad-input when the text is not two halves of at most eight hexadecimal digits. */
export function parseLsn(text: string): bigint {
  const match = lsnPattern.exec(text)
  if (!match) throw new TenfoldError('bad-input', `"${text}" is not a position in a write-ahead log, like 16/B374D848`)
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)
}

export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`
}
