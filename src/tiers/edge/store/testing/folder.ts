// A folder for the disk tier of a test, and what lies in it.

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '../../../../base/limits.ts'

export interface TestFolder extends AsyncDisposable {
  readonly path: string
  /** Files of answers, and of those that are being written. */
  files(): Promise<string[]>
  /** What they take. */
  bytes(): Promise<number>
}

export async function testFolder(): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), 'tenfold-edge-'))
  const files = async () => {
    const names = await readdir(path, { recursive: true })
    return names
      .filter((name) => /\.object(\.part)?$/.test(name))
      .map((name) => join(path, name))
      .sort()
  }
  return {
    path,
    files,
    async bytes() {
      const sizes = await Promise.all(
        (await files()).map(async (file) => (await stat(file).catch(() => undefined))?.size ?? 0),
      )
      return sizes.reduce((sum, size) => sum + size, 0)
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** Until so many files stand, and none is being written. */
export async function waitForFiles(folder: TestFolder, count: number): Promise<void> {
  await waitUntil(
    async () => {
      const files = await folder.files()
      return files.length === count && files.every((file) => file.endsWith('.object'))
    },
    { what: `${count} files`, timeoutMs: 5000, intervalMs: 5 },
  )
}
