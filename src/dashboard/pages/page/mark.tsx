// The mark: a ladder.

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path class="mark-rails" d="M11 6v20M21 6v20" />
      <path d="M11 22h10M11 16h10M11 10h10" />
    </svg>
  )
}
