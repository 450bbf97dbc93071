// What a library's session object was loaded with, so that saving it stores what its request changed and nothing else.
//
// Such a library hands a store the whole session; two requests at the same time would then write each other's old fields. So
// we remember, for each object, the fields that it came with. express-session makes its object in a method of the store;
// @fastify/session copies every property of what we gave it, and there a function goes along under a name of its own: JSON,
// by which these libraries look for changes and send sessions, leaves functions out.

import { isDeepStrictEqual } from 'node:util'
import { TenfoldError } from '../../../base/errors.ts'
import type { SessionFields, SessionValue, StoredSession } from '../contract.ts'

/** What libraries keep of the cookie, in the field `cookie`. */
export interface LibraryCookie {
  originalMaxAge?: number | null
  expires?: Date | string | null | boolean
}

export interface LibrarySession {
  /** There is always one in a session that these libraries made. */
  cookie?: LibraryCookie
}

export interface Loaded {
  readonly sid: string
  /** False for one that its library has just made. */
  isStored: boolean
  /** Of each field its JSON. */
  texts: ReadonlyMap<string, string>
  /** Left of its idle time when it was loaded. */
  idleLeftMs: number
  /** Counts saves, since one that began earlier may end later. */
  begun: number
  ended: number
}

const carrier = 'tenfold.loaded'
const sessionBytesMax = 256 * 1024
/** In our engines null means: not there. */
const nullText = '{"tenfold.null":true}'

const known = new WeakMap<object, Loaded>()

/** The session as its library wants it; `isCopied`: property by property, so that it must carry what it was loaded with. */
export function toLibrary(sid: string, { fields, idleLeftMs }: StoredSession, isCopied: boolean): LibrarySession {
  const texts = new Map(Object.entries(fields).map(([field, value]) => [field, JSON.stringify(value)]))
  const loaded: Loaded = { sid, isStored: true, texts, idleLeftMs, begun: 0, ended: 0 }
  const session: Record<string, unknown> = {}
  for (const [field, text] of texts) {
    // Copied by assignment, it would become the prototype of the session.
    if (field !== '__proto__') session[field] = text === nullText ? null : fields[field]
  }
  if (isCopied) {
    const carry = () => loaded
    session[carrier] = carry
    known.set(carry, loaded)
  }
  known.set(session, loaded)
  return session as LibrarySession
}

/** The library made one object of another. */
export function passOn(from: object, to: object): void {
  const loaded = known.get(from)
  if (loaded) known.set(to, loaded)
}

/** A session that its library made, or made of another one, counts as loaded with nothing. */
export function loadedOf(sid: string, session: object): Loaded {
  const carried = (session as Record<string, unknown>)[carrier]
  if (typeof carried === 'function') {
    const loaded = known.get(carried)
    // It has done its work, and nobody needs to meet it in the session.
    delete (session as Record<string, unknown>)[carrier]
    if (loaded?.sid === sid) known.set(session, loaded)
  }
  const loaded = known.get(session)
  if (loaded?.sid === sid) return loaded
  const unknown: Loaded = { sid, isStored: false, texts: new Map(), idleLeftMs: 0, begun: 0, ended: 0 }
  known.set(session, unknown)
  return unknown
}

/** Of each field its JSON, as an engine keeps it. @throws too-large; what JSON.stringify throws. */
export function textsOf(session: LibrarySession): Map<string, string> {
  const text = JSON.stringify(session)
  const bytes = Buffer.byteLength(text)
  if (bytes > sessionBytesMax)
    throw new TenfoldError(
      'too-large',
      `a session of ${bytes} bytes is above the limit of ${sessionBytesMax}: keep it in a table`,
    )
  const fields = Object.entries(JSON.parse(text) as SessionFields)
  return new Map(fields.map(([field, value]) => [field, value === null ? nullText : JSON.stringify(value)]))
}

export function fieldsOf(texts: ReadonlyMap<string, string>): SessionFields {
  return Object.fromEntries([...texts].map(([field, text]) => [field, JSON.parse(text) as SessionValue]))
}

/** Whether nothing is different but when the cookie ends. */
export function isOnlyTime(changes: object, before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>) {
  return (
    Object.keys(changes).every((field) => field === 'cookie') && isDeepStrictEqual(timeless(before), timeless(after))
  )
}

/** As a value, since the database and the library order properties in their own ways. */
function timeless(texts: ReadonlyMap<string, string>): object {
  const { expires, originalExpires, ...rest } = JSON.parse(texts.get('cookie') ?? '{}')
  return rest
}

/** Null for a field that is gone. */
export function changesOf(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): Record<string, SessionValue | null> {
  const changes: Record<string, SessionValue | null> = {}
  for (const [field, text] of after) if (before.get(field) !== text) changes[field] = JSON.parse(text) as SessionValue
  for (const field of before.keys()) if (!after.has(field)) changes[field] = null
  return changes
}
