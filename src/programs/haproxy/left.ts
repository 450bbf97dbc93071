// A HAProxy whose owner is gone for good: it would go on accepting where nobody wants it any more.

import { existsSync } from 'node:fs'
import { findHaproxy } from './binary.ts'
import { haproxyFilesOf } from './files.ts'
import { findInstance } from './instance.ts'

/** Resolves when none runs on that directory. May be called where there never was one. */
export async function stopLeftHaproxy(dir: string): Promise<void> {
  const files = haproxyFilesOf(dir)
  if (!existsSync(files.masterSocket)) return
  const left = await findInstance(await findHaproxy(), files)
  await left?.stop(0)
}
