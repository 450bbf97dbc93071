// The line of a place in a text, as editors count it.

/** `at` counts from 0; the first line is 1. */
export function lineOfPosition(text: string, at: number): number {
  let line = 1
  for (let i = text.indexOf('\n'); i >= 0 && i < at; i = text.indexOf('\n', i + 1)) line++
  return line
}
