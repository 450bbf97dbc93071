// The map on disk. One writer, the supervisor; the rename makes every version appear whole.

import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { TenfoldError } from '../base/errors.ts'
import type { SystemMap } from './map.ts'

/** @throws not-running when there is no map: nothing was ever started here. */
export async function readMap(file: string): Promise<SystemMap> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new TenfoldError('not-running', `no system at ${file}; start one with \`tenfold up\``, { cause: error })
  }
  return JSON.parse(text) as SystemMap
}

export async function writeMap(file: string, map: SystemMap): Promise<void> {
  await replaceFile(file, `${JSON.stringify(map, null, 1)}\n`)
}

/** Writes a whole file or nothing: to a neighbour first, then renamed over. */
export async function replaceFile(file: string, text: string, mode = 0o644): Promise<void> {
  const draft = `${file}.${process.pid}.draft`
  try {
    await writeFile(draft, text, { mode, flush: true })
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    throw new TenfoldError('disk-full', `the disk is full: ${file} could not be written`, { cause: error })
  }
}
