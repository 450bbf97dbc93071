// The package's subpath tenfold/keyv: the app's cache as a store of Keyv, for libraries that take one.

export { KeyvStore, type KeyvStoreOptions } from './tiers/cache/keyv.ts'
