// Reading the fields of a kept answer by name.

import type { KeptHead } from '../store/contract.ts'

type Fields = KeptHead['fields']

/** `name` in small letters. */
export function fieldValues(fields: Fields, name: string): string[] {
  return fields
    .filter(([other]) => other.length === name.length && other.toLowerCase() === name)
    .map(([, value]) => value)
}

/** The members of a list field in small letters. Commas within quotes part it too, which only makes more members. */
export function listOf(fields: Fields, name: string): string[] {
  return fieldValues(fields, name)
    .flatMap((value) => value.split(','))
    .map((member) => member.trim().toLowerCase())
    .filter((member) => member !== '')
}
