// Reading a topology file: a module whose default export is defineTopology(...), or JSON.

import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describeError, TenfoldError } from '../base/errors.ts'
import type { TopologyInput } from '../topology/schema.ts'

/** @throws not-found, or bad-topology when it cannot be read as a module or as JSON. */
export async function readTopologyFile(file: string): Promise<TopologyInput> {
  const path = resolve(file)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new TenfoldError(
      error.code === 'ENOENT' ? 'not-found' : 'bad-topology',
      `cannot read ${path}: ${error.message}`,
    )
  })
  try {
    if (path.endsWith('.json')) return JSON.parse(text) as TopologyInput
    const module = (await import(pathToFileURL(path).href)) as { default?: TopologyInput }
    if (module.default === undefined)
      throw new Error('it has no default export; write `export default defineTopology({ ... })`')
    return module.default
  } catch (error) {
    throw new TenfoldError('bad-topology', `${path} cannot be loaded: ${describeError(error)}`)
  }
}
