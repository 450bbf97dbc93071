// Which answers are worth compressing, and which must not be.

import { fieldOf, membersOf } from '../fields.ts'
import type { KeptHead } from '../store/contract.ts'

/** Smaller ones travel in one packet either way. */
const bytesMin = 1024
/** About 0.2 s of a thread. Larger texts are downloads, which are better compressed once, where they are made. */
const bytesMax = 8 * 2 ** 20

const types = new Set([
  'application/atom+xml',
  'application/graphql',
  'application/javascript',
  'application/json',
  'application/ld+json',
  'application/manifest+json',
  'application/ndjson',
  'application/rss+xml',
  'application/rtf',
  'application/vnd.ms-fontobject',
  'application/wasm',
  'application/x-javascript',
  'application/x-ndjson',
  'application/xml',
  'font/otf',
  'font/ttf',
  'image/bmp',
  'image/svg+xml',
  'image/vnd.microsoft.icon',
  'image/x-icon',
])

/**
 * Text of some length that no server compressed and no `no-transform` forbids to change (RFC 9110, 7.7).
 *
 * Answers that set cookies, are private or differ by who asks are left alone: with a secret and something of an attacker's in
 * one compressed body, its length tells the secret (BREACH: Y. Gluck, N. Harris, A. Prado, 2013). What a shared cache keeps is
 * the same for everybody and holds no secret, so that this costs what cookies select and nothing else.
 */
export function isCompressible(head: KeptHead): boolean {
  if (head.status !== 200 || head.bytes < bytesMin || head.bytes > bytesMax) return false
  const { fields } = head
  if (!isText(fieldOf(fields, 'content-type'))) return false
  for (const name of ['content-encoding', 'content-range', 'set-cookie'])
    if (fieldOf(fields, name) !== undefined) return false
  const directives = namesOf(fields, 'cache-control').map((directive) => directive.split('=', 1)[0]?.trim())
  if (directives.includes('no-transform') || directives.includes('private')) return false
  const selecting = [...namesOf(fields, 'vary'), ...head.selectedBy.map(([name]) => name)]
  return !selecting.some((name) => name === '*' || name === 'authorization' || name.startsWith('cookie'))
}

function namesOf(fields: KeptHead['fields'], name: string): string[] {
  return membersOf(fieldOf(fields, name) ?? '').map((member) => member.toLowerCase())
}

function isText(contentType: string | undefined): boolean {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  // A stream of events has no end; compressing what is kept of one gains nothing.
  if (type.startsWith('text/')) return type !== 'text/event-stream'
  return types.has(type) || type.endsWith('+json') || type.endsWith('+xml')
}
