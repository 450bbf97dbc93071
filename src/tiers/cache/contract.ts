// What every cache engine promises: a value that was put may come back until its time to live is over, or may not.

/** `250` (milliseconds) or `'30s'`, `'5m'`, `'2h'`, `'1d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

export interface WrapOptions {
  ttl: Duration
}

/** What apps hold. */
export interface Cache {
  /**
   * The remembered value of `key`, or else what `load` answers, remembered for `ttl`. Callers at the same time in one
   * process share one load; an error is handed to all of them and not remembered. `undefined` is not remembered.
   */
  wrap<T>(key: string, options: WrapOptions, load: () => Promise<T>): Promise<T>
  get<T>(key: string): Promise<T | undefined>
  set<T>(key: string, value: T, options: WrapOptions): Promise<void>
  /** A load that is under way does not bring the old value back. */
  delete(key: string): Promise<void>
}

/** What an engine implements. Values are handed out as they were put: treat them as frozen. */
export interface CacheEngine {
  get(key: string): Promise<unknown> | unknown
  set(key: string, value: unknown, ttlMs: number): Promise<void> | void
  delete(key: string): Promise<void> | void
  close(): Promise<void>
}
