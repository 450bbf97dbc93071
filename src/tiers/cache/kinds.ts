// Sensible times by kind of data. Each is a default: whatever is said beside `kind` wins.

import type { DataKind, WrapOptions } from './contract.ts'

export const kinds: Readonly<Record<DataKind, WrapOptions>> = {
  /** Who is logged in: nobody may be surprised by an old answer, and it ends when it says. */
  session: { ttl: '30m', jitter: 0 },
  /** Lists, counts, timelines: old soon, cheap to renew, better half a minute late than waited for. */
  changing: { ttl: '30s', staleFor: '30s', staleOnError: '5m' },
  /** Countries, prices of the day, configuration: changes by deployment or by night, and must be there. */
  reference: { ttl: '1d', jitter: 0.2, staleFor: '1h', staleOnError: '7d', negativeTtl: '1m' },
  /** What everybody asks for at once: renewed before it ends, so that its end is never a stampede. */
  popular: { ttl: '5m', earlyRefresh: 1, staleFor: '1m', staleOnError: '1h', negativeTtl: '5s' },
}
