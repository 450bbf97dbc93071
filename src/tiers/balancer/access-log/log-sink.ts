// Where the lines of a log go.

export interface LogSink {
  /** One call at a time. @throws when it could not be written, or not all of it. */
  write(text: string): Promise<void>
  close(): Promise<void>
}
