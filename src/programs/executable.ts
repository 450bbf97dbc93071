// Programs of the system: where they are.

import { access, constants } from 'node:fs/promises'

/** The first of these files that may be run; undefined when there is none. */
export async function firstExecutable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  return undefined
}
