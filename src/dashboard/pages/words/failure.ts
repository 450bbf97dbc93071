// What went wrong, in the words of whoever reported it.

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
