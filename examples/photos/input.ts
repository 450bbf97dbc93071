// What clients may send. Every schema of a body, a query or a path is here, and one way to refuse what does not fit.

import { TenfoldError } from 'tenfold'
import { z } from 'zod'

export const listLimitMax = 50
const nameCharactersMax = 60
const captionCharactersMax = 500
const commentCharactersMax = 1000
const tipCentsMax = 1_000_000

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const decimal = /^[1-9][0-9]{0,18}$/
/** Letters, marks, digits, punctuation, symbols and spaces: nothing invisible, so that no two names look the same. */
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]*$/u
/** PostgreSQL's text cannot hold NUL, and half a surrogate pair is no character. */
const unstorable = /[^\P{Cc}\n\t]|\p{Cs}/u

const text = (charactersMin: number, charactersMax: number) =>
  z
    .string()
    .transform((value) => value.normalize('NFC').replaceAll('\r\n', '\n').trim())
    .refine((value) => !unstorable.test(value), 'expected no control characters')
    .refine((value) => isBetween(characters(value), charactersMin, charactersMax), {
      error: `expected ${charactersMin} to ${charactersMax} characters`,
    })

export const nameBody = z.object({
  name: text(1, nameCharactersMax).refine((value) => printable.test(value), 'expected printable characters'),
})
export const captionQuery = z.object({ caption: text(0, captionCharactersMax).default('') })
export const commentBody = z.object({ text: text(1, commentCharactersMax) })
export const tipBody = z.object({
  toUserId: z.string().regex(decimal, 'expected a user id'),
  cents: z.preprocess(numberOfForm, z.int().min(1).max(tipCentsMax)),
})
export const listQuery = z.object({
  before: z.string().regex(uuid, 'expected the id of a photo').optional(),
  limit: z.coerce.number().int().min(1).max(listLimitMax).default(20),
})

export type ListQuery = z.output<typeof listQuery>

/** Of a job's payload, as of a path. */
export const userId = z.string().regex(decimal)
export const photoId = z.string().regex(uuid)
/** A day of UTC: 2026-11-25. */
export const day = z.iso.date()

/** A form sends digits where JSON sends a number. */
function numberOfForm(value: unknown): unknown {
  return typeof value === 'string' && /^[0-9]{1,9}$/.test(value) ? Number(value) : value
}

/** The value as the schema makes it. @throws bad-input with one sentence per wrong field. */
export function read<T>(schema: z.ZodType<T>, value: unknown, where: 'body' | 'query'): T {
  const parsed = schema.safeParse(value, { reportInput: true })
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(
    (issue) => `${[where, ...issue.path].join('.')}: ${issue.message}, got ${show(issue.input)}`,
  )
  throw new TenfoldError('bad-input', problems.join('; '))
}

/** The ids in a path. One that is no id at all is as unknown as one that nobody has. */
export function userIdOf(params: unknown): string {
  const { id } = params as { id?: string }
  if (!id || !decimal.test(id)) throw unknownUser(id ?? '')
  return id
}

export function photoIdsOf(params: unknown): { userId: string; photoId: string } {
  const { userId, id } = params as { userId?: string; id?: string }
  if (!userId || !id || !decimal.test(userId) || !uuid.test(id)) throw unknownPhoto(id ?? '')
  return { userId, photoId: id }
}

/** A day in a path; one that is none has nothing. */
export function dayOf(params: unknown): string {
  const { day: text } = params as { day?: string }
  const parsed = day.safeParse(text)
  if (!parsed.success) throw new TenfoldError('not-found', `there is no day ${show(text)}`)
  return parsed.data
}

export function unknownUser(id: string): TenfoldError {
  return new TenfoldError('not-found', `there is no user ${show(id)}`)
}

export function unknownPhoto(id: string): TenfoldError {
  return new TenfoldError('not-found', `there is no photo ${show(id)}`)
}

function characters(value: string): number {
  return [...value].length
}

function isBetween(value: number, min: number, max: number): boolean {
  return value >= min && value <= max
}

const shownCharactersMax = 60

function show(value: unknown): string {
  const shown = JSON.stringify(value) ?? 'nothing'
  return shown.length > shownCharactersMax ? `${shown.slice(0, shownCharactersMax)}...` : shown
}
