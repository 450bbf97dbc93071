// A connection as its server sees it, whatever is spoken on it.

export interface ServedConnection {
  /** Nothing would be lost if it ended now. */
  readonly isIdle: boolean
  /** The server takes no more connections; how this one is told to go elsewhere is its own matter. */
  onDraining(): void
  /** Ends it now, whatever it is doing. */
  destroy(): void
}
