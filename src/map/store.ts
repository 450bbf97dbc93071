// The map on disk. One writer, the supervisor; the rename makes every version appear whole.

import { open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isTenfoldError, TenfoldError } from '../base/errors.ts'
import type { SystemMap } from './map.ts'

/** @throws not-running when there is no map: nothing was ever started here. Any other error: there is one, unreadable. */
export async function readMap(file: string): Promise<SystemMap> {
  return (await readJson(file, `no system at ${file}; start one with \`tenfold up\``)) as SystemMap
}

/**
 * @throws not-running, with the message `missing`, when there is no such file. One that is there and cannot be read is
 * never taken for missing: whoever makes what is missing would write over it.
 */
export async function readJson(file: string, missing: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw new TenfoldError('not-running', missing, { cause })
    throw new TenfoldError('unavailable', `${file} is there and cannot be read; are you another user?`, { cause })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new TenfoldError('unavailable', `${file} is damaged; bring back a copy of it`, { cause })
  }
}

/** Undefined when nothing was ever started here. @throws unavailable when there is a map that cannot be read. */
export async function readMapIfAny(file: string): Promise<SystemMap | undefined> {
  return readMap(file).catch(undefinedIfNone)
}

/** For a `catch`: what is not there is undefined, what is there and cannot be read stays an error. */
export function undefinedIfNone(error: unknown): undefined {
  if (isTenfoldError(error, 'not-running')) return undefined
  throw error
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
    await syncDirectory(dirname(file))
  } catch (error) {
    await rm(draft, { force: true })
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    throw new TenfoldError('disk-full', `the disk is full: ${file} could not be written`, { cause: error })
  }
}

/** Without it a power loss may bring the old file back after the new one was acted on. */
async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
