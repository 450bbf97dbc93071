// Which keys begin with a prefix, without looking at those in other folders. A tree of the folders of the paths; the names in
// a folder are a plain set, because a purge goes through them once and a request never.

import { foldersMax } from './limits.ts'

class Folder {
  readonly folders = new Map<string, Folder>()
  /** Keys whose last slash is this folder's, and from the deepest folder on all below it. */
  readonly keys = new Set<string>()

  get isEmpty(): boolean {
    return this.folders.size === 0 && this.keys.size === 0
  }
}

export class PathTree {
  #root = new Folder()

  add(key: string): void {
    let folder = this.#root
    for (const name of split(key).names) {
      let next = folder.folders.get(name)
      if (!next) {
        next = new Folder()
        folder.folders.set(name, next)
      }
      folder = next
    }
    folder.keys.add(key)
  }

  remove(key: string): void {
    removeBelow(this.#root, key, split(key).names, 0)
  }

  /** All keys that begin with these characters. */
  find(prefix: string): string[] {
    const { names, rest, isDeepest } = split(prefix)
    let folder: Folder | undefined = this.#root
    for (const name of names) folder = folder?.folders.get(name)
    if (!folder) return []
    const found: string[] = []
    for (const key of folder.keys) if (key.startsWith(prefix)) found.push(key)
    if (isDeepest) return found
    for (const [name, below] of folder.folders) if (name.startsWith(rest)) collect(below, found)
    return found
  }

  clear(): void {
    this.#root = new Folder()
  }
}

function removeBelow(folder: Folder, key: string, names: readonly string[], depth: number): void {
  const name = names[depth]
  if (name === undefined) {
    folder.keys.delete(key)
    return
  }
  const below = folder.folders.get(name)
  if (!below) return
  removeBelow(below, key, names, depth + 1)
  if (below.isEmpty) folder.folders.delete(name)
}

function collect(folder: Folder, found: string[]): void {
  for (const key of folder.keys) found.push(key)
  for (const below of folder.folders.values()) collect(below, found)
}

/** `GET https://host/a/b/c?d` is the folders `GET https://host`, `a`, `b` and the rest `c?d`. */
function split(key: string): { names: string[]; rest: string; isDeepest: boolean } {
  const names: string[] = []
  const scheme = key.indexOf('://')
  let start = 0
  let slash = key.indexOf('/', scheme < 0 ? 0 : scheme + 3)
  while (slash >= 0 && names.length < foldersMax) {
    names.push(key.slice(start, slash))
    start = slash + 1
    slash = key.indexOf('/', start)
  }
  return { names, rest: key.slice(start), isDeepest: names.length === foldersMax }
}
