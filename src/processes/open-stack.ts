// What was opened, closed in reverse order, once; one that fails to close does not keep the others open.

import type { Service } from '../base/lifecycle.ts'

export class OpenStack {
  #closers: Array<() => Promise<void>> = []

  /** Starts a service, to be stopped in its turn. */
  async start<S extends Service>(service: S): Promise<S> {
    await service.start()
    this.#closers.push(() => service.stop())
    return service
  }

  /** Takes over something that is open already. */
  keep<C extends { close(): Promise<void> }>(open: C): C {
    this.#closers.push(() => open.close())
    return open
  }

  /** @throws the first error, after everything was closed. */
  async close(): Promise<void> {
    const errors: unknown[] = []
    for (let closer = this.#closers.pop(); closer; closer = this.#closers.pop())
      await closer().catch((error: unknown) => errors.push(error))
    if (errors.length > 0) throw errors[0]
  }
}
