// The app's assets: what `asset(name)` answers, and the routes under /assets/.

import { TenfoldError } from '../../../base/errors.ts'
import { AssetStore } from './asset-store.ts'
import { deployAssets } from './deploy.ts'
import { pathOfName } from './names.ts'

export interface Assets {
  /** The app's own directory: its files under their plain names. */
  readonly dir: string
  readonly store: AssetStore
  /** The address of an asset, with a hash of its content in it. @throws bad-input for one that the directory does not have. */
  url(name: string): string
  /** Versions of the app that nobody has run for long go. */
  sweep(): Promise<void>
}

/** Deploys `dir` into the directory that all web processes share. @throws bad-input as `deployAssets` does. */
export async function openAssets(dir: string, storeDir: string): Promise<Assets> {
  const store = new AssetStore(storeDir)
  const { set, setName } = await deployAssets(dir, store)
  const urls = new Map(Object.entries(set).map(([name, { file }]) => [name, `/assets/${pathOfName(file)}`]))
  return {
    dir,
    store,
    url(name) {
      const url = urls.get(name)
      if (url !== undefined) return url
      throw new TenfoldError(
        'bad-input',
        `there is no asset ${name} in ${dir}; it has ${[...urls.keys()].slice(0, 20).join(', ')}`,
      )
    },
    sweep: () => store.sweep(setName),
  }
}
