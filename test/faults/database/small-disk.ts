// A small disk that can be full: a file system in memory, mounted where anybody may look in.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface SmallDisk extends AsyncDisposable {
  readonly path: string
  /** Leaves no byte. */
  fill(): Promise<void>
  /** Makes room again. May be called on a disk that is not full. */
  clear(): Promise<void>
}

/** Undefined where none can be had: neither root nor sudo without a password. A CI run does not let that pass. */
export async function mountSmallDisk(sizeMiB: number): Promise<SmallDisk | undefined> {
  const dir = await mkdtemp(join(tmpdir(), 'tenfold-disk-'))
  const path = join(dir, 'disk')
  const ballast = join(path, 'ballast')
  await chmod(dir, 0o711) // the server's user must get through
  await mkdir(path)
  try {
    asRoot('mount', '-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=0777`, 'tmpfs', path)
  } catch (error) {
    await rm(dir, { recursive: true, force: true })
    if (process.env['CI'] === 'true') throw error
    return undefined
  }
  return {
    path,
    fill: () => fillWithZeros(ballast),
    clear: () => rm(ballast, { force: true }),
    async [Symbol.asyncDispose]() {
      asRoot('umount', '-l', path)
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** @throws with what the program said. */
export function asRoot(...words: string[]): void {
  const [program, ...rest] = process.getuid?.() === 0 ? words : ['sudo', '-n', ...words]
  execFileSync(String(program), rest, { stdio: 'pipe' })
}

async function fillWithZeros(path: string): Promise<void> {
  const file = await open(path, 'w')
  const piece = Buffer.alloc(64 * 1024)
  try {
    for (;;) {
      const { bytesWritten } = await file.write(piece)
      if (bytesWritten < piece.length) return
    }
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  } finally {
    await file.close()
  }
}
