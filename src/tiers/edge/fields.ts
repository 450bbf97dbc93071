// The fields of an answer as a cache holds them: names in small letters, values as they came, in order.

import type { FieldBlock } from '../../net/http1/field-block.ts'

export type Fields = ReadonlyArray<readonly [name: string, value: string]>

/** All lines of that name as one value (RFC 9110, 5.3). Undefined when there is none. */
export function fieldOf(fields: Fields, name: string): string | undefined {
  let joined: string | undefined
  for (const [each, value] of fields) if (each === name) joined = joined === undefined ? value : `${joined}, ${value}`
  return joined
}

/** The same of a message that was not taken apart. */
export function joined(block: FieldBlock, name: string): string | undefined {
  let index = block.find(name)
  if (index < 0) return undefined
  let text = block.value(index)
  for (;;) {
    index = block.find(name, index + 1)
    if (index < 0) return text
    text = `${text}, ${block.value(index)}`
  }
}

export function linesOf(fields: Fields): string {
  let lines = ''
  for (const [name, value] of fields) lines += `${name}: ${value}\r\n`
  return lines
}

/** The members of a list field; a comma inside a quoted string does not part (RFC 9110, 5.6.1 and 5.6.4). */
export function membersOf(value: string): string[] {
  const members: string[] = []
  let start = 0
  let isQuoted = false
  for (let i = 0; i <= value.length; i++) {
    const char = value[i]
    if (isQuoted && char === '\\') i++
    else if (char === '"') isQuoted = !isQuoted
    else if (char === undefined || (char === ',' && !isQuoted)) {
      const member = value.slice(start, i).trim()
      if (member !== '') members.push(member)
      start = i + 1
    }
  }
  return members
}
