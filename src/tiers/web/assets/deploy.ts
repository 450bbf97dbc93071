// Deploying assets: every file of the app's directory gets a name that holds a hash of its content, style sheets get the
// names of what they refer to, and all of it is put where every web process finds it.

import { readdir, readFile, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { TenfoldError } from '../../../base/errors.ts'
import type { AssetSet, AssetStore } from './asset-store.ts'
import { referencesOf, rewriteReferences } from './css-references.ts'
import { versionedName } from './names.ts'

const filesMax = 10_000
const fileBytesMax = 256 * 1024 * 1024

export interface Deployed {
  set: AssetSet
  /** Name of the set in the store. */
  setName: string
}

/** Deploying what is deployed already writes nothing. @throws bad-input when there is no such directory, or too much in it. */
export async function deployAssets(dir: string, store: AssetStore): Promise<Deployed> {
  const names = await namesIn(dir)
  const set: Record<string, AssetSet[string]> = {}
  const begun = new Set<string>()
  const deploy = async (name: string): Promise<void> => {
    begun.add(name)
    const content = await readFile(join(dir, name))
    const whole = name.endsWith('.css') ? await withReferences(name, content) : content
    const file = versionedName(name, whole)
    set[name] = { file, coded: await store.put(file, whole) }
  }
  const withReferences = async (name: string, content: Buffer): Promise<Buffer> => {
    const css = content.toString('utf8')
    for (const target of referencesOf(name, css)) if (names.has(target) && !begun.has(target)) await deploy(target)
    // Of sheets that import each other, one has no hash yet: it keeps its plain name, which is served too.
    return Buffer.from(rewriteReferences(name, css, (target) => set[target]?.file))
  }
  for (const name of names) if (!begun.has(name)) await deploy(name)
  return { set, setName: await store.putSet(set) }
}

/** In the order of the alphabet, so that the same files make the same set. Hidden files stay out. */
async function namesIn(dir: string): Promise<ReadonlySet<string>> {
  const refuse = (what: string) => new TenfoldError('bad-input', `the app's assets are at ${dir}, ${what}`)
  const found = await stat(dir).catch(() => undefined)
  if (!found?.isDirectory()) throw refuse('which is no directory; make it or leave it out')
  const entries = await readdir(dir, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const names = files.map((path) => path.slice(join(dir, sep).length).replaceAll(sep, '/')).sort()
  const shown = names.filter((name) => !name.split('/').some((part) => part.startsWith('.')))
  if (shown.length > filesMax) throw refuse(`which has ${shown.length} files; ${filesMax} is the most`)
  for (const name of shown) {
    const { size } = await stat(join(dir, name))
    if (size > fileBytesMax) throw refuse(`where ${name} has ${size} bytes; ${fileBytesMax} is the most`)
  }
  return new Set(shown)
}
