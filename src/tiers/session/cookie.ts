// The cookie `tenfold.sid`: an id and its signature, `<id>.<base64url of HMAC-SHA256(key, id)>`.
// The first key signs, all of them verify. So keys rotate: a new one is put first, and an old one is dropped when every
// cookie that it signed has been renewed or has ended.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { sessionCookieName as cookieName } from './contract.ts'

/** 144 bits, a multiple of 3 bytes so that base64url has no rest. */
const idBytes = 18
const idCharacters = 24
const signatureCharacters = 43
/** A browser sends one, or one more for each path that had one; who sends many makes us reckon. */
const cookiesTriedMax = 4

/** Never begins with a dash: a command line would take it for an option. */
export function newSessionId(): string {
  for (;;) {
    const id = randomBytes(idBytes).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

export interface SignedCookie {
  id: string
  /** The key that signed it. */
  key: string
}

/** `unknown-key`: there is one as we write them, and none of the keys has signed it. */
export function readCookie(header: string, keys: readonly string[]): SignedCookie | 'unknown-key' | undefined {
  let tried = 0
  for (let from = header.indexOf(cookieName); from !== -1; from = header.indexOf(cookieName, from + 1)) {
    if (!isNameAt(header, from)) continue
    const start = from + cookieName.length + 1
    const end = header.indexOf(';', start)
    const value = header.slice(start, end === -1 ? undefined : end).trim()
    if (!isOurForm(value)) continue
    const found = verify(value, keys)
    if (found) return found // several can be there, of other paths: the one that is ours counts
    if (++tried === cookiesTriedMax) break
  }
  return tried > 0 ? 'unknown-key' : undefined
}

function isNameAt(header: string, from: number): boolean {
  const before = from === 0 ? ';' : header[from - 1]
  return (before === ';' || before === ' ') && header[from + cookieName.length] === '='
}

function isOurForm(value: string): boolean {
  return value.length === idCharacters + 1 + signatureCharacters && value[idCharacters] === '.'
}

function verify(value: string, keys: readonly string[]): SignedCookie | undefined {
  const id = value.slice(0, idCharacters)
  const given = Buffer.from(value.slice(idCharacters + 1), 'base64url')
  const key = keys.find((candidate) => {
    const expected = signature(id, candidate)
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
  return key === undefined ? undefined : { id, key }
}

export function writeCookie(id: string, key: string, options: { isSecure: boolean; maxAgeMs: number }): string {
  return cookie(`${id}.${signature(id, key).toString('base64url')}`, options.isSecure, options.maxAgeMs)
}

export function clearCookie({ isSecure }: { isSecure: boolean }): string {
  return cookie('', isSecure, 0)
}

function cookie(value: string, isSecure: boolean, maxAgeMs: number): string {
  const maxAge = `Max-Age=${Math.floor(maxAgeMs / 1000)}`
  return `${cookieName}=${value}; ${maxAge}; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
}

function signature(id: string, key: string): Buffer {
  return createHmac('sha256', key).update(id).digest()
}
