// A request of HTTP/2 written as the head of HTTP/1.1, so that one strict parser reads both and everything behind it holds
// for both. What could make two messages of one, or mean something in HTTP/1.1 only, is refused before it is written: a head
// is what a gateway to HTTP/1.1 would send, and those gateways are where request smuggling by HTTP/2 was found.

import { byteClasses, tokenByte } from '../http1/byte-classes.ts'
import type { ByteWriter } from '../http1/byte-writer.ts'
import { type Refusal, refusals } from '../http1/refusals.ts'

/** Names and values in turn, the pseudo-fields first, as node:http2 gives them: one character is one byte. */
export type RawFields = readonly string[]

/** RFC 9113, 8.2.2. */
const onlyHttp1 = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

interface Pseudo {
  method: string | undefined
  scheme: string | undefined
  authority: string | undefined
  path: string | undefined
}

/** Writes the head, or says why it cannot be one. `hasBody`: the stream goes on after the fields. */
export function writeRequestText(
  out: ByteWriter,
  fields: RawFields,
  { hasBody }: { hasBody: boolean },
): Refusal | undefined {
  const pseudo: Pseudo = { method: undefined, scheme: undefined, authority: undefined, path: undefined }
  const first = readPseudo(fields, pseudo)
  if (first < 0) return refusals.pseudoField
  const { method, scheme, authority, path } = pseudo
  if (method === 'CONNECT') return refusals.methodNotServed
  // An absolute URL would name a second host.
  if (path === undefined || (path[0] !== '/' && path !== '*')) return refusals.pseudoField
  if (method === undefined || (scheme !== 'http' && scheme !== 'https')) return refusals.pseudoField
  out.text(`${method} ${path} HTTP/1.1\r\n`)
  let hasLength = false
  let cookies = ''
  let hosts = 0
  if (authority !== undefined) writeField(out, 'host', authority)
  for (let i = first; i < fields.length; i += 2) {
    const [name, value] = [fields[i] as string, fields[i + 1] as string]
    if (!isFieldName(name)) return refusals.fieldName
    if (isUnsafe(value)) return refusals.fieldValue
    if (onlyHttp1.has(name) || (name === 'te' && value !== 'trailers')) return refusals.connectionField
    if (name === 'cookie') {
      // They may come in crumbs, one field each; HTTP/1.1 has one (RFC 9113, 8.2.3).
      cookies = cookies === '' ? value : `${cookies}; ${value}`
      continue
    }
    if (name === 'content-length') hasLength = true
    if (name === 'host' && authority !== undefined) {
      if (value !== authority || hosts++ > 0) return refusals.hostCount
      continue
    }
    writeField(out, name, value)
  }
  if (cookies !== '') writeField(out, 'cookie', cookies)
  if (hasBody && !hasLength) writeField(out, 'transfer-encoding', 'chunked')
  out.lineEnd()
  return undefined
}

/** The answer is where the other fields begin, or -1: one is unknown, doubled, empty, or holds what would end a line. */
function readPseudo(fields: RawFields, pseudo: Pseudo): number {
  let i = 0
  for (; i < fields.length && fields[i]?.startsWith(':'); i += 2) {
    const name = (fields[i] as string).slice(1)
    const value = fields[i + 1] as string
    if (!(name in pseudo) || pseudo[name as keyof Pseudo] !== undefined || value === '' || isUnsafe(value)) return -1
    pseudo[name as keyof Pseudo] = value
  }
  return i
}

/** Small letters only (RFC 9113, 8.2.1). */
function isFieldName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const char = name.charCodeAt(i)
    if (char > 255 || (char >= 65 && char <= 90) || ((byteClasses[char] as number) & tokenByte) === 0) return false
  }
  return name !== ''
}

/**
 * What would end a line, or is no byte; and spaces at either end, which HTTP/1.1 would take away (RFC 9113, 8.2.1). Everything
 * else that does not belong into a value is the parser's to see.
 */
function isUnsafe(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const char = value.charCodeAt(i)
    if (char === 13 || char === 10 || char === 0 || char > 255) return true
  }
  return isSpace(value.charCodeAt(0)) || isSpace(value.charCodeAt(value.length - 1))
}

function isSpace(char: number): boolean {
  return char === 32 || char === 9
}

function writeField(out: ByteWriter, name: string, value: string): void {
  out.text(name)
  out.text(': ')
  out.text(value)
  out.lineEnd()
}
