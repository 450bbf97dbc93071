// Which steps of a file are done, in the database that they change.

import type { OwnerConnection } from './owner-connection.ts'

export interface RecordedStep {
  index: number
  checksum: string
  isDone: boolean
  /** Where a backfill was; see batches.ts. */
  progress: unknown
}

export const stepBookkeeping = `
  CREATE TABLE IF NOT EXISTS tenfold.migration_steps (
    name text NOT NULL,
    step integer NOT NULL,
    checksum text NOT NULL,
    is_done boolean NOT NULL DEFAULT false,
    progress jsonb,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, step)
  )`

export class StepRecord {
  readonly #owner: OwnerConnection
  readonly #name: string
  readonly #steps: Map<number, RecordedStep>

  private constructor(owner: OwnerConnection, name: string, steps: RecordedStep[]) {
    this.#owner = owner
    this.#name = name
    this.#steps = new Map(steps.map((step) => [step.index, step]))
  }

  static async open(owner: OwnerConnection, name: string): Promise<StepRecord> {
    const steps = await owner.query<RecordedStep & { [column: string]: unknown }>(
      'SELECT step AS index, checksum, is_done AS "isDone", progress FROM tenfold.migration_steps WHERE name = $1',
      [name],
    )
    return new StepRecord(owner, name, steps)
  }

  isDone(index: number): boolean {
    return this.#steps.get(index)?.isDone ?? false
  }

  isStarted(index: number, checksum: string): boolean {
    return this.#steps.get(index)?.checksum === checksum
  }

  progress(index: number): unknown {
    return this.#steps.get(index)?.progress ?? undefined
  }

  find(check: (step: RecordedStep) => boolean): RecordedStep | undefined {
    return [...this.#steps.values()].find(check)
  }

  /** Before a statement that no transaction can record. Keeps the progress of one that was started. */
  async start(index: number, checksum: string): Promise<void> {
    const known = this.#steps.get(index)
    if (known && known.checksum !== checksum) this.#steps.delete(index) // mended: begins anew
    await this.#owner.query(
      `INSERT INTO tenfold.migration_steps AS s (name, step, checksum) VALUES ($1, $2, $3)
       ON CONFLICT (name, step) DO UPDATE SET checksum = excluded.checksum,
         progress = CASE WHEN s.checksum = excluded.checksum THEN s.progress END`,
      [this.#name, index, checksum],
    )
  }

  /** Belongs into the transaction of the step, where it has one. */
  async finish(index: number, checksum: string): Promise<void> {
    await this.#owner.query(
      `INSERT INTO tenfold.migration_steps (name, step, checksum, is_done) VALUES ($1, $2, $3, true)
       ON CONFLICT (name, step) DO UPDATE SET checksum = excluded.checksum, is_done = true, changed_at = now()`,
      [this.#name, index, checksum],
    )
  }

  async saveProgress(index: number, progress: unknown): Promise<void> {
    await this.#owner.query(
      'UPDATE tenfold.migration_steps SET progress = $3, changed_at = now() WHERE name = $1 AND step = $2',
      [this.#name, index, JSON.stringify(progress)],
    )
  }

  async clear(): Promise<void> {
    await this.#owner.query('DELETE FROM tenfold.migration_steps WHERE name = $1', [this.#name])
  }
}
