// A primary with two replicas, so that it can be replaced, and workers of their own, so that they can be killed.

import { defineTopology } from '../../../../../src/index.ts'

export default defineTopology({ rung: 4, worker: { count: Number(process.env['TENFOLD_FAULT_WORKERS'] ?? 4) } })
