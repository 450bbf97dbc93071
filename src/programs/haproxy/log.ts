// HAProxy appends to the log that it was started with: it is copied and cut, not moved.

import { copyFile, stat, truncate } from 'node:fs/promises'

/** One older copy is kept beside it. */
const bytesMax = 4 * 1024 * 1024

/** What is written between the copy and the cut is lost. */
export async function keepLogBounded(file: string): Promise<void> {
  const { size } = await stat(file).catch(() => ({ size: 0 }))
  if (size <= bytesMax) return
  await copyFile(file, `${file}.1`)
  await truncate(file)
}
