// The session of one request: what was loaded, and what the handler changed, field by field.

import { TenfoldError } from '../../base/errors.ts'
import type { Session, SessionFields, SessionValue, StoredSession } from './contract.ts'
import type { SignedCookie } from './cookie.ts'

const fieldCharactersMax = 128
const valueBytesMax = 16 * 1024
/** It is in an index, whose entries are at most a third of a page. */
const userIdBytesMax = 1024

export class RequestSession implements Session {
  /** The stored session; undefined for a visitor of whom nothing is stored. */
  readonly id: string | undefined
  readonly idleLeftMs: number
  /** What its cookie is signed with. */
  readonly cookieKey: string | undefined
  readonly #loaded: SessionFields
  #changes: Record<string, SessionValue | null> | undefined
  #isDestroyed = false
  #needsNewId = false

  constructor(stored?: StoredSession & SignedCookie) {
    this.id = stored?.id
    this.idleLeftMs = stored?.idleLeftMs ?? 0
    this.cookieKey = stored?.key
    this.#loaded = stored?.fields ?? {}
  }

  get userId(): string | undefined {
    const value = this.get('userId')
    return typeof value === 'string' ? value : undefined
  }

  set userId(value: string | undefined) {
    this.set('userId', value)
  }

  get(field: string): SessionValue | undefined {
    if (this.#isDestroyed) return undefined
    const changed = this.#changes
    if (changed && Object.hasOwn(changed, field)) return changed[field] ?? undefined
    return Object.hasOwn(this.#loaded, field) ? this.#loaded[field] : undefined
  }

  set(field: string, value: SessionValue | undefined): void {
    check(field, value)
    if (this.#isDestroyed) {
      // A login right after a logout starts from nothing.
      this.#isDestroyed = false
      this.#needsNewId = true
      this.#changes = noChanges()
      for (const name of Object.keys(this.#loaded)) this.#changes[name] = null
    }
    if (field === 'userId') this.#needsNewId = true
    this.#changes ??= noChanges()
    this.#changes[field] = value ?? null
  }

  destroy(): void {
    this.#isDestroyed = true
    this.#changes = undefined
  }

  get hasChanges(): boolean {
    return this.#changes !== undefined || this.#isDestroyed
  }

  /** What has to be stored, once: a second call finds nothing. */
  takeChanges(): SessionChanges | undefined {
    if (!this.hasChanges) return undefined
    const changes = this.#changes
    const isDestroyed = this.#isDestroyed
    this.#changes = undefined
    this.#isDestroyed = false
    return { isDestroyed, needsNewId: this.#needsNewId, changes: changes ?? {}, whole: this.#whole(changes ?? {}) }
  }

  #whole(changes: Readonly<Record<string, SessionValue | null>>): SessionFields {
    const all = Object.entries({ ...this.#loaded, ...changes })
    return Object.fromEntries(all.filter((entry): entry is [string, SessionValue] => entry[1] !== null))
  }
}

export interface SessionChanges {
  isDestroyed: boolean
  needsNewId: boolean
  changes: Readonly<Record<string, SessionValue | null>>
  /** Every field as it is now. */
  whole: SessionFields
}

/** Any name is a field, `__proto__` too. */
function noChanges(): Record<string, SessionValue | null> {
  return Object.create(null)
}

function check(field: string, value: SessionValue | undefined): void {
  if (typeof field !== 'string' || field.length === 0 || field.length > fieldCharactersMax)
    throw new TenfoldError('bad-input', `a session field is named by 1 to ${fieldCharactersMax} characters`)
  const text = value === undefined ? '' : JSON.stringify(value)
  if (text === undefined)
    throw new TenfoldError('bad-input', `session field ${field} must be JSON, got ${typeof value}`)
  const bytes = Buffer.byteLength(text)
  if (field === 'userId' && bytes > userIdBytesMax)
    throw new TenfoldError('too-large', `a user is named by at most ${userIdBytesMax} bytes, got ${bytes}`)
  if (bytes > valueBytesMax)
    throw new TenfoldError(
      'too-large',
      `session field ${field} has ${bytes} bytes, the limit is ${valueBytesMax}: store it in a table`,
    )
}
